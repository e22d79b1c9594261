"""Unit generations in Redis: packed records in buckets, and the ids of grouped findings.

A record is 30 bytes: key 12 | fingerprint 8 | group 8 | standing 1 | rank 1. Records lie in buckets by the
first bits of their key, sorted within. A finding that no rule takes has, instead of a group, the code of the
reason in the last two bytes. Ids lie beside, in buckets by the first bits of the group, compressed: they are
needed only to ask for a finding again and to render a ticket.
"""

import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import zstandard

from common.identity import unit_key
from common.model.finding import Standing
from common.state import keys
from common.state.groups import Groups
from common.state.store import Fence, Store, octets, text

RECORD = struct.Struct(">12s8s8sBB")
PER_BUCKET = 4096
IDS_PER_BUCKET = 256
MAX_BUCKETS = 256
_REMEMBERED = 50_000  # findings: a unit of more is large
SKIP_CODES = 0xFFFF  # a group field up to this is the code of a reason, not a group
_SKIP_PREFIX = b"\0" * 6


class Record(NamedTuple):
    key: bytes
    fingerprint: bytes
    group: bytes
    standing: int
    rank: int


def pack(record: Record) -> bytes:
    return RECORD.pack(*record)


def unpack(data: bytes | bytearray) -> Iterator[Record]:
    return map(Record._make, RECORD.iter_unpack(data))


def is_skip(group: bytes) -> bool:
    """Whether the group field holds a reason's code instead of a group."""
    return group.startswith(_SKIP_PREFIX)


def code_of(reason: str) -> int:
    """The 16-bit code that stands for a reason in records."""
    return zlib.crc32(reason.encode()) & SKIP_CODES


def skip_code(reason: str) -> bytes:
    """The group field of a finding that was skipped for `reason`."""
    return _SKIP_PREFIX + struct.pack(">H", code_of(reason))


def buckets_for(findings: int, per_bucket: int = PER_BUCKET) -> int:
    """How many buckets (a power of two) so many findings need."""
    wanted = 1
    while wanted < MAX_BUCKETS and wanted * per_bucket < findings:
        wanted *= 2
    return wanted


def bucket_of(key: bytes, buckets: int) -> int:
    """The bucket of a key or group: its first bits."""
    return key[0] * buckets >> 8


@dataclass(frozen=True, slots=True)
class Generation:
    """The shape of a unit's current generation; `version` is the run that committed it, or ""."""

    buckets: int
    version: str


def _column(bucket: bytes, at: int) -> "array[int]":
    """The 8 bytes at offset `at` of every record, as numbers; strided copies, no loop over records."""
    flat = bytearray(len(bucket) // RECORD.size * 8)
    for byte in range(8):
        flat[byte::8] = bucket[at + byte :: RECORD.size]
    column = array("Q")
    column.frombytes(bytes(flat))
    if sys.byteorder == "little":
        column.byteswap()
    return column


class Index:
    """A unit's current records, by key, in flat arrays: 27 bytes a finding, found by bisection.

    `positions` finds them by fingerprint, faster; it takes about 100 bytes a finding, so it is empty for
    large units. The arrays have their size from the start: growing ones would be moved again and again.
    """

    def __init__(self, size: int) -> None:
        self.positions: dict[bytes, int] = {}
        self._keys = array("Q", bytes(8 * size))
        self.fingerprints = array("Q", bytes(8 * size))
        self.groups = array("Q", bytes(8 * size))
        self.standings = bytearray(size)
        self.seen = bytearray(size)
        self._filled = 0

    def add(self, bucket: bytes) -> None:
        """Fill in a bucket; buckets come in order of their keys."""
        start, end = self._filled, self._filled + len(bucket) // RECORD.size
        for target, at in ((self._keys, 0), (self.fingerprints, 12), (self.groups, 20)):
            target[start:end] = _column(bucket, at)
        self.standings[start:end] = bucket[28 :: RECORD.size]
        self._filled = end
        if len(self) <= _REMEMBERED:
            prints = (bucket[at : at + 8] for at in range(12, len(bucket), RECORD.size))
            self.positions.update(zip(prints, range(start, end), strict=True))

    def find(self, key: bytes) -> int:
        """Position of a key, -1 when it is not there (the first 64 bits decide)."""
        wanted = int.from_bytes(key[:8], "big")
        at = bisect_left(self._keys, wanted)
        return at if at < len(self._keys) and self._keys[at] == wanted else -1

    def key_head(self, at: int) -> bytes:
        """The first 8 bytes of a key: enough to tell its bucket."""
        return self._keys[at].to_bytes(8, "big")

    def bucket_range(self, number: int, buckets: int) -> range:
        """Positions of one bucket's records."""
        width = (1 << 64) // buckets
        return range(bisect_left(self._keys, number * width), bisect_left(self._keys, (number + 1) * width))

    def group(self, at: int) -> bytes:
        return self.groups[at].to_bytes(8, "big")

    def __len__(self) -> int:
        return len(self._keys)


class Members(msgspec.Struct, array_like=True, frozen=True):
    """The ids of a group's findings in one unit: the `open` first ones are OPEN, worst first."""

    open: int
    ids: list[str]


NOBODY = Members(0, [])


class Units:
    """Generations of a connection's units."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store = store
        self._connection = connection

    def generation(self, unit: str) -> Generation:
        key = keys.generation(self._connection, unit_key(unit))
        buckets, version = self._store.client.hmget(key, ["buckets", "version"])
        return Generation(int(text(buckets) or "0"), text(version))

    def count(self, unit: str, generation: Generation | None = None) -> int:
        """Findings in the current generation."""
        key = keys.generation(self._connection, unit_key(unit))
        generation = generation or self.generation(unit)
        pipe = self._store.client.pipeline(transaction=False)
        for number in range(generation.buckets):
            pipe.hstrlen(key, str(number))
        return sum(int(length) for length in pipe.execute()) // RECORD.size

    def bucket(self, unit: str, number: int) -> bytes:
        """The packed records of one bucket of the current generation."""
        return octets(self._store.client.hget(keys.generation(self._connection, unit_key(unit)), str(number)))

    def sample_ids(self, group: bytes, limit: int) -> list[str]:
        """Ids of up to `limit` OPEN members of a group, those of the worst units first."""
        state = Groups(self._store, self._connection).get_many([group])[0]
        worst_first = sorted(state.units.items(), key=lambda pair: (-pair[1].worst, pair[0]))
        found: list[str] = []
        for unit, contribution in worst_first:
            if len(found) >= limit:
                break
            if contribution.standings[Standing.OPEN]:
                members = Ids(self._store, self._connection, unit).of(group)
                found += members.ids[: min(members.open, limit - len(found))]
        return found

    def index(self, unit: str, generation: Generation) -> Index:
        """All records of a unit's current generation, by key."""
        index = Index(self.count(unit, generation))
        for number in range(generation.buckets):
            index.add(self.bucket(unit, number))
        return index


class Ids:
    """The ids of a unit's grouped findings: bucket of groups -> group -> members."""

    def __init__(self, store: Store, connection: str, unit: bytes) -> None:
        self._store = store
        self._connection = connection
        self._unit = unit
        self._key = keys.ids(connection, unit)

    def buckets(self) -> int:
        """How many buckets there are; 0 when there are no ids."""
        return int(text(self._store.client.hget(self._key, "buckets")) or "0")

    def load(self, number: int) -> dict[bytes, Members]:
        """One bucket."""
        return unpack_ids(octets(self._store.client.hget(self._key, str(number))))

    def of(self, group: bytes) -> Members:
        """One group's findings in this unit."""
        buckets = self.buckets()
        return self.load(bucket_of(group, buckets)).get(group, NOBODY) if buckets else NOBODY

    def save(
        self, fence: Fence, base: str, buckets: int, changed: Mapping[int, Mapping[bytes, Members]]
    ) -> None:
        """Write whole buckets, while the unit's generation is still `base`'s. Raises `Superseded`."""
        fields: list[str | bytes] = ["buckets", str(buckets)]
        for number, content in changed.items():
            fields += [str(number), pack_ids(content)]
        names = [self._key, keys.generation(self._connection, self._unit)]
        self._store.fenced("save_ids", fence, self._connection, names, [base, *fields])


_ids_encoder = msgspec.msgpack.Encoder()
_ids_decoder = msgspec.msgpack.Decoder(dict[bytes, Members])


def pack_ids(content: Mapping[bytes, Members]) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(_ids_encoder.encode(content))


def unpack_ids(packed: bytes) -> dict[bytes, Members]:
    return _ids_decoder.decode(zstandard.ZstdDecompressor().decompress(packed)) if packed else {}
