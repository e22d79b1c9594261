"""Work queues: what is to be done, claimed under leases. A Celery message only says "look here".

An item has an id, a score (lowest first) and a body. Putting an id again replaces its body (the latest
wins) even while it is being worked on: settling then makes it ready again. Expired leases and due parked
items return by `sweep`.
"""

import hashlib
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from common.state import keys
from common.state.store import Fence, Store

_PARTS = ("ready", "leased", "parked", "body", "owner", "tries")
_PUT_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Item:
    id: bytes
    score: float
    body: bytes


@dataclass(frozen=True, slots=True)
class Claimed:
    """An item under lease; `seq` tells this body from a later one, `mark` the run that put it."""

    id: bytes
    seq: str
    body: bytes
    mark: str = ""

    def of(self, fence: Fence) -> bool:
        """Whether this run put it: what was claimed just before a newer run began is not its."""
        return self.mark == mark_of(fence)


@dataclass(frozen=True, slots=True)
class Depth:
    """Counts, and the age in seconds of the oldest of the next items."""

    ready: int
    leased: int
    parked: int
    oldest_seconds: float

    @property
    def total(self) -> int:
        return self.ready + self.leased + self.parked


class WorkQueue:
    """One named queue of one connection."""

    def __init__(self, store: Store, connection: str, name: str) -> None:
        self._store = store
        self.connection = connection
        self.name = name
        self._key = {part: keys.queue(connection, name, part) for part in _PARTS}

    def put(self, fence: Fence, items: Sequence[Item], *, keep: bool = False) -> int:
        """Add or replace items; with `keep`, an id that is there stays as it is. Raises `Superseded`.

        Answers how many items are ready or leased: as many workers have something to do.
        """
        busy = 0
        for start in range(0, len(items), _PUT_CHUNK):
            args: list[object] = [fresh_seq() + mark_of(fence), "nx" if keep else ""]
            for item in items[start : start + _PUT_CHUNK]:
                args += [item.id, item.score, item.body]
            names = self._names("ready", "leased", "parked", "body")
            busy = int(self._store.fenced("put", fence, self.connection, names, args))
        return busy

    def claim(self, limit: int, lease_seconds: float, owner: str) -> list[Claimed]:
        """Take up to `limit` ready items under a lease that `owner` holds."""
        names = self._names("ready", "leased", "body", "owner")
        flat = self._store.run("claim", names, [limit, int(lease_seconds * 1000), owner])
        return [
            Claimed(item, body[:16].decode(), body[24:], body[16:24].decode())
            for item, body in zip(flat[::2], flat[1::2], strict=True)
        ]

    def renew(self, owner: str, items: Iterable[Claimed], lease_seconds: float) -> set[bytes]:
        """Extend leases; answers the ids that the owner still holds."""
        ids = [item.id for item in items]
        if not ids:
            return set()
        kept = self._store.run(
            "renew", self._names("leased", "owner"), [int(lease_seconds * 1000), owner, *ids]
        )
        return set(kept)

    def settle(self, owner: str, items: Iterable[Claimed]) -> set[bytes]:
        """Finish items; answers the ids that are gone (others were replaced, or their lease was lost)."""
        args: list[object] = [owner]
        for item in items:
            args += [item.id, item.seq]
        if len(args) == 1:
            return set()
        return set(self._store.run("settle", self._names("ready", "leased", "body", "owner", "tries"), args))

    def park(self, owner: str, item: Claimed, seconds: float, body: bytes = b"") -> int:
        """Give an item back for later, with a new body if one is given; answers how often that was done."""
        names = self._names("ready", "leased", "parked", "body", "owner", "tries")
        anew = item.mark.encode() + body if body else b""
        return int(self._store.run("park", names, [owner, int(seconds * 1000), item.id, item.seq, anew]))

    def remove(self, item: Claimed) -> None:
        """Drop an item whatever its state (it became a dead letter)."""
        pipe = self._store.client.pipeline(transaction=False)
        for part in ("ready", "leased", "parked"):
            pipe.zrem(self._key[part], item.id)
        for part in ("body", "owner", "tries"):
            pipe.hdel(self._key[part], item.id)
        pipe.execute()

    def sweep(self, limit: int = 1000) -> int:
        """Return what is overdue; answers how many items are ready."""
        _, ready = self._store.run("sweep", self._names("ready", "leased", "parked", "owner"), [limit])
        return int(ready)

    def depth(self) -> Depth:
        pipe = self._store.client.pipeline(transaction=False)
        for part in ("ready", "leased", "parked"):
            pipe.zcard(self._key[part])
        pipe.zrange(self._key["ready"], 0, 20)
        ready, leased, parked, head = pipe.execute()
        bodies = self._store.client.hmget(self._key["body"], head) if head else []
        stamps = [int(body[:11], 16) for body in bodies if body]
        oldest = max(0.0, time.time() - min(stamps) / 1000) if stamps else 0.0
        return Depth(ready, leased, parked, oldest)

    def size(self) -> int:
        """Items of every kind: ready, leased and parked."""
        return int(self._store.client.hlen(self._key["body"]))

    @property
    def keys(self) -> list[bytes]:
        """Every key of the queue (a new run drops the old one's work)."""
        return list(self._key.values())

    def _names(self, *parts: str) -> list[bytes]:
        return [self._key[part] for part in parts]


def fresh_seq() -> str:
    """16 hex digits: milliseconds since 1970 and chance, so that a later body is told from an earlier one."""
    return f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(3)[:5]}"


def mark_of(fence: Fence) -> str:
    """8 hex digits that stand for a run of an incarnation."""
    return hashlib.blake2b(f"{fence.epoch}|{fence.run}".encode(), digest_size=4).hexdigest()
