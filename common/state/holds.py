"""Held groups and dead letters: what waits for a person, with its reason."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.state import keys
from common.state.store import Fence, Store, octets, text


@dataclass(frozen=True, slots=True)
class Hold:
    """A group that is held. `kind` is the decision that waits (create, resolve, ... or held itself)."""

    group: bytes
    run: str
    rule: str
    kind: str
    reason: str
    worst: int
    since: int


class Holds:
    """What is held in a connection."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store = store
        self._connection = connection
        self._key = keys.named(connection, "held")

    def put(self, fence: Fence, *holds: Hold) -> None:
        """Hold groups. Raises `Superseded`."""
        flat: list[bytes | str] = []
        for hold in holds:
            value = {"run": hold.run, "rule": hold.rule, "kind": hold.kind, "reason": hold.reason}
            flat += [hold.group, json.dumps({**value, "worst": hold.worst, "since": hold.since})]
        self._store.write(fence, self._connection, "HSET", self._key, flat)

    def drop(self, fence: Fence, groups: Sequence[bytes]) -> None:
        """The groups are held no more. Raises `Superseded`: a newer run may hold them."""
        self._store.write(fence, self._connection, "HDEL", self._key, groups)

    def all(self) -> Iterator[Hold]:
        for group, packed in self._store.client.hscan_iter(self._key, count=500):
            value: dict[str, Any] = json.loads(packed)
            yield Hold(octets(group), **value)

    def count(self) -> int:
        return int(self._store.client.hlen(self._key))


class DeadLetters:
    """Decisions that can't succeed without a person."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store = store
        self._key = keys.named(connection, "dead")

    def put(self, group: bytes, letter: Mapping[str, Any]) -> None:
        """Keep a letter: reason, sentence, what was tried, history."""
        self._store.client.hset(self._key, group, json.dumps({**letter, "at": int(time.time())}))

    def drop(self, groups: Sequence[bytes]) -> None:
        if groups:
            self._store.client.hdel(self._key, *groups)

    def all(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        for group, packed in self._store.client.hscan_iter(self._key, count=200):
            yield octets(group), json.loads(text(packed))

    def count(self) -> int:
        return int(self._store.client.hlen(self._key))
