"""A thread that calls a function again and again, and survives whatever it raises."""

import random
import threading
from collections.abc import Callable

from common.observe import names
from common.observe.logs import log
from common.observe.metrics import Metrics
from common.runtime.alarm import Alarm

JITTER = 0.2  # of the interval, both ways, so that replicas don't sweep in step


class Sweeper:
    """Calls `sweep` about every `seconds` until stopped, and whenever `alarm` goes off."""

    def __init__(
        self, sweep: Callable[[], None], seconds: float, metrics: Metrics, alarm: Alarm | None = None
    ) -> None:
        self._sweep = sweep
        self._seconds = seconds
        self._metrics = metrics
        self._alarm = alarm or Alarm()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        self._failing = ""

    def start(self) -> None:
        self._thread.start()

    def stop(self, wait: float = 10) -> None:
        """Stop; waits at most `wait` seconds for a sweep that is under way."""
        self._stop.set()
        self._alarm.within(0)
        if self._thread.is_alive():
            self._thread.join(wait)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._alarm.wait(self._seconds * random.uniform(1 - JITTER, 1 + JITTER))
            if not self._stop.is_set():
                self.sweep_once()

    def sweep_once(self) -> None:
        """Sweep; a failure is counted, and logged when it is another than the last one."""
        try:
            self._sweep()
        except Exception as error:  # noqa: BLE001 - the sweep is what heals: it must go on
            self._metrics.count(names.SWEEPS, "failed")
            word = type(error).__name__
            if word != self._failing:
                log("sweeper").warning("sweep_failed", error=str(error), kind=word, exc_info=True)
            self._failing = word
            return
        if self._failing:
            log("sweeper").info("sweep_recovered", after=self._failing)
        self._failing = ""
        self._metrics.count(names.SWEEPS, "done")
