"""How many requests go into one batch, so that the instance works at most so many seconds on it."""

from collections.abc import Iterable

FIRST = 10
_LEARN = 0.3  # weight of the newest batch
_GROW = 2


class BatchSizer:
    """Learns from the instance's own execution times (state-model 1.9). A race costs a step, nothing else."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._size = min(FIRST, most)
        self._item_ms = 0.0

    @property
    def size(self) -> int:
        return self._size

    def measured(self, milliseconds: Iterable[int], unserviced: int) -> None:
        """Learn from a batch: the items' execution times, and how many were cut off."""
        times = list(milliseconds)
        if times:
            mean = sum(times) / len(times)
            self._item_ms = mean if not self._item_ms else self._item_ms + _LEARN * (mean - self._item_ms)
            self._item_ms = max(self._item_ms, mean / _GROW)
        if unserviced:
            self._size = max(1, min(len(times), self._size // 2))
            return
        fits = int(self._seconds * 1000 / self._item_ms) if self._item_ms >= 1 else self._most
        self._size = max(1, min(fits, self._size * _GROW, self._most))

    def shrink(self) -> None:
        """A batch's answer was lost: smaller ones lose less."""
        self._size = max(1, self._size // 2)
