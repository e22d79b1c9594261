"""What `--limits realistic` adds: semaphores, service times, rate rules, one request per session."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from services.simulator.clock import Clock
from services.simulator.servicenow.errors import ApiError
from services.simulator.servicenow.modes import Modes

RULE_ID = "a2d6a1c2db7f1300aab9f1ffce9619ef"
_HOUR = 3600.0
_SESSIONS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """`realistic` sleeps the service times and guards the semaphores (servicenow-api 5.2); all in seconds.

    `requests_per_hour` is a sys_rate_limit_rules record; None: no such rule, as on most instances.
    """

    realistic: bool = False
    semaphores: int = 4
    queue: int = 50
    write_seconds: tuple[float, float] = (0.06, 0.12)
    read_seconds: tuple[float, float] = (0.02, 0.05)
    row_seconds: float = 0.0001
    requests_per_hour: int | None = None
    token_seconds: int = 1800

    @classmethod
    def of(cls, mode: str, overrides: Mapping[str, Any]) -> "Limits":
        """Raise ValueError for an unknown mode or override."""
        if mode not in {"none", "realistic"}:
            raise ValueError(f"limits are none or realistic, not {mode!r}.")
        known = {name: value for name, value in overrides.items() if name in cls.__slots__}
        if unknown := set(overrides) - set(known) - {"mode"}:
            raise ValueError(
                f"No such limit: {', '.join(sorted(unknown))}. Known: {', '.join(cls.__slots__)}."
            )
        for name in known.keys() & {"write_seconds", "read_seconds"}:
            known[name] = tuple(known[name])
        return replace(cls(realistic=mode == "realistic"), **known)


@dataclass(slots=True)
class _Window:
    """Requests of one user in the running hour of a rate rule."""

    began: float
    used: int = 0


@dataclass(slots=True)
class Traffic:
    """The gate of the instance's node: who may run now, and how long a transaction takes."""

    clock: Clock
    modes: Modes
    limits: Limits = field(default_factory=Limits)
    active: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    _random: random.Random = field(default_factory=lambda: random.Random(7))
    _windows: dict[str, _Window] = field(default_factory=dict)
    _sessions: dict[str, asyncio.Lock] = field(default_factory=dict)

    @asynccontextmanager
    async def slot(self, session: str) -> AsyncIterator[None]:
        """Run within a semaphore of the API_INT pool and alone on the session; raises ApiError 429."""
        if not self.limits.realistic:
            yield
            return
        await self._acquire()
        try:
            if not session:
                yield
                return
            async with self._session(session):
                yield
        finally:
            self._release()

    def charge(self, user: str, requests: int) -> dict[str, str]:
        """Count against the rate rule; returns its headers (none without a rule), raises ApiError 429."""
        limit = self.limits.requests_per_hour
        if limit is None:
            return {}
        now = self.clock.monotonic()
        window = self._windows.setdefault(user, _Window(now))
        if now - window.began >= _HOUR:
            window.began, window.used = now, 0
        left = max(1, round(window.began + _HOUR - now))
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Reset": str(int(self.clock.now().timestamp()) + left),
            "X-RateLimit-Rule": RULE_ID,
        }
        if window.used + requests > limit:
            detail = f"Rate limit of {limit} requests per hour for Table API exceeded"
            error = ApiError(429, "Rate limit exceeded", detail)
            error.headers = {**headers, "Retry-After": str(left)}
            raise error
        window.used += requests
        return headers

    async def work(self, *, write: bool, rows: int = 0) -> float:
        """Spend a transaction's service time; returns the simulated seconds (slept only if realistic)."""
        fixed = self.modes["item_seconds"]
        if fixed is not None and write:
            seconds = float(fixed)
        elif self.limits.realistic:
            low, high = self.limits.write_seconds if write else self.limits.read_seconds
            seconds = self._random.uniform(low, high) + rows * self.limits.row_seconds
        else:
            return 0.005
        if self.limits.realistic:
            await asyncio.sleep(seconds)
        return seconds

    async def _acquire(self) -> None:
        if self.active < self.limits.semaphores:
            self.active += 1
            return
        if len(self.waiting) >= self.limits.queue:
            raise ApiError(429, "Too Many Requests")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()
            elif turn in self.waiting:
                self.waiting.remove(turn)
            raise

    def _release(self) -> None:
        """Hand the semaphore to the next in the queue, or give it back."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.active -= 1

    def _session(self, session: str) -> asyncio.Lock:
        if len(self._sessions) > _SESSIONS_KEPT:
            self._sessions = {name: lock for name, lock in self._sessions.items() if lock.locked()}
        return self._sessions.setdefault(session, asyncio.Lock())
