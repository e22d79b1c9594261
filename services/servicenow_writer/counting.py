"""Requests to ServiceNow, counted for the run in whose work they were sent."""

import threading

from common.observe.metrics import Metrics

_CODE_CLASSES = {"lost": "none", "never_sent": "none"}


class CountedRequests:
    """An observer of the clients: metrics at once, the run's count when asked for. Per thread."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._local = threading.local()

    def observe(self, side: str, route: str, code_class: str, seconds: float) -> None:
        """A request ended."""
        self._metrics.observe(side, route, _CODE_CLASSES.get(code_class, code_class), seconds)
        if code_class != "never_sent":
            self._local.count = self._count() + 1

    def take(self) -> int:
        """How many requests this thread sent since it last asked."""
        count, self._local.count = self._count(), 0
        return count

    def _count(self) -> int:
        return int(getattr(self._local, "count", 0))
