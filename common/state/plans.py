"""What a planned run would do, group by group: kept with the run for a week, written by the mapper."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import zstandard

from common.state import keys
from common.state.store import Store, octets

TTL = 7 * 24 * 3600
_AT_ONCE = 500
_Pairs = list[tuple[bytes, bytes]]


class PlanLines:
    """The lines of one plan.

    A line holds rule, type, decision, reason, grouping, ticket, findings, severity, risk, worst, and `held`
    with a cap's reason where the decision is held. While the run plans they stand by group in a hash, then
    compressed in chunks: a tenth of the memory.
    """

    def __init__(self, store: Store, connection: str, run: str) -> None:
        self._store = store
        self.key = keys.run(connection, run, "plan")
        self._packed = keys.run(connection, run, "plan_packed")

    def __iter__(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Every line as (group, line), streamed."""
        unpack, number = zstandard.ZstdDecompressor().decompress, 0
        while packed := octets(self._store.client.lindex(self._packed, number)):
            for group, line in msgspec.msgpack.decode(unpack(packed), type=_Pairs):
                yield group, json.loads(line)
            number += 1
        if not number:
            for group, line in self._loose():
                yield group, json.loads(line)

    def pack(self) -> None:
        """No line changes any more. A half packed plan of a killed worker is packed from the start."""
        self._store.client.unlink(self._packed)
        chunk: _Pairs = []
        for pair in self._loose():
            chunk.append(pair)
            if len(chunk) == _AT_ONCE:
                self._push(chunk)
                chunk = []
        if chunk:
            self._push(chunk)
        self._store.client.expire(self._packed, TTL)
        self._store.client.unlink(self.key)

    def _loose(self) -> Iterator[tuple[bytes, bytes]]:
        for group, line in self._store.client.hscan_iter(self.key, count=_AT_ONCE):
            yield octets(group), octets(line)

    def _push(self, chunk: _Pairs) -> None:
        packed = zstandard.ZstdCompressor(level=6).compress(msgspec.msgpack.encode(chunk))
        self._store.client.rpush(self._packed, packed)
