"""Number counters: instance-wide per prefix, with gaps, as on a busy instance (servicenow-api 6.4)."""

import random


class Numbers:
    """INC0010001, INC0010002, INC0010004 …: the gaps depend on the seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._last: dict[str, int] = {}

    def next(self, prefix: str) -> str:
        step = 1 if self._random.random() < 0.9 else self._random.randint(2, 4)
        self._last[prefix] = self._last.get(prefix, 10_000) + step
        return f"{prefix}{self._last[prefix]:07d}"
