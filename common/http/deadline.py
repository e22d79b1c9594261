"""A deadline that every call of a task shares."""

import time
from collections.abc import Callable

from common.http.errors import NeverSent

_LEAST = 0.05  # seconds: with less than this left a request can only end as a lost answer


class Deadline:
    """`seconds` from now on a monotonic clock; handed down from the task to each call."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - self._clock())

    @property
    def passed(self) -> bool:
        return self.remaining() <= 0.0

    def timeouts(self, connect: float, read: float) -> tuple[float, float]:
        """(connect, read) time-outs in seconds, neither beyond the deadline.

        Raises NeverSent `deadline_passed` when nothing can be sent in time.
        """
        left = self.remaining()
        if left < _LEAST:
            raise NeverSent("deadline_passed", "The task's time is over; the request was not sent.")
        return min(connect, left), min(read, left)
