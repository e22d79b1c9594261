"""Requests of a run, counted in the thread that sends them."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from common.observe.metrics import Metrics
from common.state.runs import Runs

_FIELDS = {"servicenow": "servicenow_requests", "azure": "defender_requests"}
_CODE_CLASSES = {"lost": "none", "never_sent": "none"}


class Requests:
    """An observer of the clients: metrics at once, the run's record when its work pauses."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._local = threading.local()

    def observe(self, side: str, route: str, code_class: str, seconds: float) -> None:
        """A request ended."""
        known = "servicenow" if side == "servicenow" else "azure"
        self._metrics.observe(known, route, _CODE_CLASSES.get(code_class, code_class), seconds)
        counts: Counter[str] | None = getattr(self._local, "counts", None)
        if counts is not None and code_class != "never_sent":
            counts[_FIELDS[known]] += 1

    @contextmanager
    def counted(self, runs: Runs, run: str) -> Iterator[None]:
        """Add the requests of this thread to the run's record, whatever happens."""
        counts: Counter[str] = Counter()
        self._local.counts = counts
        try:
            yield
        finally:
            self._local.counts = None
            if counts:
                runs.add(run, counts)
