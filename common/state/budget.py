"""The fleet's budgets in Redis: reserved before use, on Redis' clock (promise 10, state-model 1.17)."""

import math
import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from common.errors import Park
from common.state.store import Store, text

LONGEST_SLEEP = 2.0  # seconds in total that a call may wait here; more than that parks the work
_SLACK_MS = 1000  # servers tell their window's end in whole seconds


def _key(kind: str, name: str, part: str) -> bytes:
    return f"isth:budget:{kind}:{name}:{part}".encode()


def _wait_for(
    reserve: Callable[[], float], max_wait: float, sleep: Callable[[float], None], reason: str
) -> None:
    """Call `reserve` until it answers 0; Park when that takes longer than `max_wait` or two seconds."""
    allowed, waited = min(max_wait, LONGEST_SLEEP), 0.0
    while wait := reserve():
        if waited + wait > allowed:
            raise Park(reason, f"The fleet's budget is used up ({reason}); next in {wait:.1f} s.", wait)
        sleep(wait)
        waited += wait


class WindowBudget:
    """At most `calls` x `share` in any `seconds`: Resource Graph's quota of one principal, shared politely.

    `name` tells principals apart. The window slides, so that it holds however the server's own is aligned.
    """

    def __init__(
        self,
        client: redis.Redis,
        name: str,
        *,
        calls: int = 15,
        seconds: float = 5.0,
        share: float = 0.6,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = Store(client)
        self._log = _key("window", name, "log")
        self._server = _key("window", name, "server")
        self.limit = max(1, math.floor(calls * share))
        self._window_ms = int(seconds * 1000)
        self._sleep = sleep

    def acquire(self, n: int = 1, max_wait: float = LONGEST_SLEEP) -> None:
        """Reserve `n` calls before they are sent.

        Sleeps at most `max_wait`, never more than 2 s in all; raises Park `quota_used_up` with the seconds to
        wait, ValueError when `n` is more than a whole window's.
        """
        _wait_for(lambda: self.reserve(n), max_wait, self._sleep, "quota_used_up")

    def reserve(self, n: int = 1) -> float:
        """Reserve `n` calls: 0 when granted, else the seconds after which to ask again."""
        if n > self.limit:
            raise ValueError(f"{n} calls can't be reserved of {self.limit} a window")
        arguments = [n, self.limit, self._window_ms, uuid.uuid4().hex]
        return int(self._store.run("budget_window", [self._log, self._server], arguments)) / 1000

    def observed(self, remaining: int, resets_after: float) -> None:
        """What a server's header said, `resets_after` in seconds.

        Only lowers what is left of the window that it speaks of; a late answer of an older window is ignored.
        """
        arguments = [remaining, max(1, int(resets_after * 1000)), _SLACK_MS]
        self._store.run("budget_observed", [self._server], arguments)


class Bucket:
    """A token bucket of `capacity`, refilled by `refill` a second, of which `share` is ours.

    ARM's read bucket is 250 and 25 a second for each subscription and principal (defender-api 4).
    """

    def __init__(
        self,
        client: redis.Redis,
        name: str,
        *,
        capacity: float = 250,
        refill: float = 25,
        share: float = 0.6,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = Store(client)
        self._bucket = _key("bucket", name, "tokens")
        self._capacity = max(1.0, capacity * share)
        self._refill = refill * share
        self._sleep = sleep

    @classmethod
    def hourly(cls, client: redis.Redis, name: str, calls: int) -> "Bucket":
        """A cap of `calls` in any hour: a tenth may come at once, the rest evenly."""
        return cls(client, name, capacity=max(1.0, calls * 0.1), refill=calls * 0.9 / 3600, share=1.0)

    def acquire(self, n: int = 1, max_wait: float = LONGEST_SLEEP) -> None:
        """Take `n`; as WindowBudget.acquire. Raises Park `rate_used_up`."""
        _wait_for(lambda: self.reserve(n), max_wait, self._sleep, "rate_used_up")

    def reserve(self, n: int = 1) -> float:
        """Take `n`: 0 when granted, else the seconds after which to ask again."""
        if n > self._capacity:
            raise ValueError(f"{n} calls can't be taken of a bucket of {self._capacity:g}")
        return self._run(n, "") / 1000

    def observed(self, remaining: int, resets_after: float) -> None:
        """What a server said: lowers the bucket to `remaining`; with 0, one is there at the reset."""
        self._run(0, float(remaining) if remaining else 1.0 - resets_after * self._refill)

    def _run(self, n: int, most: float | str) -> int:
        expire_ms = int(self._capacity / self._refill * 2000) + 60_000
        arguments = [n, self._capacity, self._refill, expire_ms, most]
        return int(self._store.run("budget_bucket", [self._bucket], arguments))


class Permits:
    """Requests in flight to one ServiceNow instance, over all workers.

    At most `limit` at first; `reserved` of them are kept for urgent work, though one is always left to the
    rest. A busy instance (semaphore 429) halves the limit, successes raise it again up to `most`. A permit is
    a lease: a killed holder's comes back after `lease_seconds`, which outlasts a batch's 30 s on the server;
    a still longer request is one too many in flight until it ends.
    """

    def __init__(
        self,
        client: redis.Redis,
        name: str,
        *,
        limit: int = 2,
        most: int | None = None,
        reserved: int = 1,
        lease_seconds: float = 35.0,
        hourly: Bucket | None = None,
        max_wait: float = LONGEST_SLEEP,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._store = Store(client)
        self._permits = _key("permits", name, "held")
        self._adapt = _key("permits", name, "adapt")
        self._limit = limit
        self._most = most or limit
        self._reserved = reserved
        self._lease_ms = int(lease_seconds * 1000)
        self._hourly = hourly
        self._max_wait = max_wait
        self._sleep = sleep

    @contextmanager
    def hold(self, *, urgent: bool = False) -> Iterator[None]:
        """Hold one permit.

        Raises Park `no_permit` when none comes free in 2 s, `rate_used_up` by the hourly cap.
        """
        token = uuid.uuid4().hex
        _wait_for(lambda: self._try(token, urgent=urgent), self._max_wait, self._sleep, "no_permit")
        try:
            if self._hourly is not None:
                self._hourly.acquire(1, self._max_wait)
            yield
        finally:
            self._client.zrem(self._permits, token)

    def succeeded(self) -> None:
        """An answer came without complaint."""
        self._adapted("up")

    def throttled(self) -> None:
        """The instance said that all its transactions are taken."""
        self._adapted("down")

    def limit(self) -> float:
        """How many may be in flight now."""
        return float(text(self._client.hget(self._adapt, "limit")) or self._limit)

    def held(self) -> int:
        """How many are in flight, those of killed holders included until their deadline."""
        return int(self._client.zcard(self._permits))

    def _try(self, token: str, *, urgent: bool) -> float:
        """0 when taken, else a short wait: a permit comes free long before its deadline."""
        reserved = 0 if urgent else self._reserved
        arguments = [token, self._lease_ms, self._limit, reserved]
        wait = int(self._store.run("budget_permit", [self._permits, self._adapt], arguments)) / 1000
        return min(wait, random.uniform(0.02, 0.08))

    def _adapted(self, direction: str) -> None:
        self._store.run("budget_adapt", [self._adapt], [direction, self._limit, self._most, 1000])
