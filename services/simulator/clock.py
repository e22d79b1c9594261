"""The one source of time in the simulator: wall time can be shifted, rates cannot."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Simulated wall time (shifted by control) and real monotonic time (for rate windows)."""

    def __init__(self) -> None:
        self._shift = timedelta(0)

    @property
    def shift_seconds(self) -> float:
        """How far simulated wall time runs ahead of the machine's, in seconds."""
        return self._shift.total_seconds()

    def now(self) -> datetime:
        """Simulated wall time in UTC, timezone-aware, with microseconds (ServiceNow stamps cut them off)."""
        return datetime.now(UTC) + self._shift

    def monotonic(self) -> float:
        """Real monotonic seconds: not moved by `advance`."""
        return time.monotonic()

    def advance(self, seconds: float) -> None:
        """Shift simulated wall time by so many seconds (negative goes back)."""
        self._shift += timedelta(seconds=seconds)

    def reset(self) -> None:
        """Back to the machine's wall time."""
        self._shift = timedelta(0)
