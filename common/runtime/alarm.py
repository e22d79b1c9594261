"""When the next sweep is wanted: work that was parked for a moment must not wait for a whole interval."""

import math
import threading
import time

GRAIN = 0.05  # seconds; moments nearer to each other are one


class Alarm:
    """Whoever parks work says when it is due, and the sweeper waits for that.

    What a killed process parked is found by the regular sweep.
    """

    def __init__(self) -> None:
        self._slots: set[int] = set()
        self._changed = threading.Condition()

    def within(self, seconds: float) -> None:
        """Something is due in so many seconds."""
        with self._changed:
            self._slots.add(math.ceil((time.monotonic() + seconds) / GRAIN))
            self._changed.notify()

    def wait(self, seconds: float) -> None:
        """Sleep until the next due moment, at most so long."""
        ends = time.monotonic() + seconds
        with self._changed:
            while (left := min(ends, self._next()) - time.monotonic()) > 0:
                self._changed.wait(left)
            now = time.monotonic()
            self._slots = {slot for slot in self._slots if slot * GRAIN > now}

    def _next(self) -> float:
        return min(self._slots, default=math.inf) * GRAIN
