"""Admission by memory: reading parks before Redis fills (promise 11; state-model 1.11)."""

import time

import redis

from common.errors import Park

_PARK_SECONDS = 10.0
_FRESH_SECONDS = 0.5  # a few pages; asking costs a tenth of reading one
_REST = 0.5  # a chain that runs already may use half of what is left above the ratio


class Memory:
    """Asks Redis for its memory. `ratio` of maxmemory is where new reading stops."""

    def __init__(self, client: redis.Redis, ratio: float) -> None:
        self._client = client
        self._ratio = ratio
        self._asked_at = -_FRESH_SECONDS
        self._answered = 0.0

    def used(self) -> float:
        """Used by maxmemory; 0 when there is no limit."""
        info = self._client.info("memory")
        limit = int(info.get("maxmemory", 0))
        return int(info.get("used_memory", 0)) / limit if limit else 0.0

    def admit(self, *, running: bool = False) -> None:
        """Raises Park `redis_memory` when the mapper must free memory first."""
        limit = self._ratio + (1 - self._ratio) * _REST if running else self._ratio
        now = time.monotonic()
        if now - self._asked_at >= _FRESH_SECONDS:
            self._answered, self._asked_at = self.used(), now
        used = self._answered
        if used >= limit:
            raise Park(
                "redis_memory",
                f"Redis uses {used:.0%} of its memory; reading waits until it is below {limit:.0%}.",
                _PARK_SECONDS,
            )
