"""Read pages: claim checks for the mapper, and the manifest that proves a unit complete.

A unit is complete when its run is current, its last page is known and every page is there. A missing key
means unknown, never empty (promise 4).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import zstandard

from common.identity import unit_key
from common.state import keys
from common.state.store import Fence, Store, text

PAGE_TTL = 24 * 3600
_ROWS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was read of a unit in one attempt. `flags` names why it can't be exact, "" when it may be."""

    pages: int
    rows: int
    first_total: int
    last_total: int
    flags: str
    complete: bool


def pack_rows(rows: Sequence[msgspec.Raw]) -> bytes:
    """The rows as they came, as one compressed JSON array."""
    size = sum(map(len, rows)) + max(len(rows) - 1, 0) + 2
    stream = zstandard.ZstdCompressor(level=1).compressobj(size=size)
    packed = [stream.compress(b"[")]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = b",".join(rows[start : start + _ROWS_AT_ONCE])
        packed.append(stream.compress(b"," + some if start else some))
    return b"".join([*packed, stream.compress(b"]"), stream.flush()])


class Pages:
    """Pages of one unit in one reading attempt."""

    def __init__(self, store: Store, connection: str, run: str, unit: str, attempt: str) -> None:
        self._store = store
        self._connection = connection
        self._run = run
        self._unit = unit_key(unit)
        self._attempt = attempt
        self._manifest = keys.unit_part(connection, run, f"pages:{attempt}", self._unit)
        self._count: int | None = None

    def put(
        self, fence: Fence, number: int, rows_json: bytes, rows: int, total: int, *, last: bool, flags: str
    ) -> int:
        """Store a page (the JSON array as it came); answers its packed size in bytes."""
        packed = zstandard.ZstdCompressor(level=1).compress(rows_json)
        self._put(fence, number, packed, rows, total, last=last, flags=flags)
        return len(packed)

    def put_rows(
        self, fence: Fence, number: int, rows: Sequence[msgspec.Raw], total: int, *, last: bool, flags: str
    ) -> None:
        """Store a page row by row, without a copy of it as a whole: it may be 16 MB."""
        self._put(fence, number, pack_rows(rows), len(rows), total, last=last, flags=flags)

    def _put(
        self, fence: Fence, number: int, packed: bytes, rows: int, total: int, *, last: bool, flags: str
    ) -> None:
        self._store.client.set(self._page(number), packed, ex=PAGE_TTL)
        args = [number, rows, total, number if last else "", flags, PAGE_TTL]
        self._store.fenced("put_page", fence, self._connection, [self._manifest], args)

    def manifest(self) -> Manifest:
        fields = {text(k): text(v) for k, v in self._store.client.hgetall(self._manifest).items()}
        numbers = {int(k): int(v) for k, v in fields.items() if k.isdigit()}
        last = fields.get("last")
        complete = last is not None and sorted(numbers) == list(range(int(last) + 1))
        self._count = len(numbers)
        return Manifest(
            pages=len(numbers),
            rows=sum(numbers.values()),
            first_total=int(fields.get("first_total", "-1")),
            last_total=int(fields.get("last_total", "-1")),
            flags=fields.get("flags", ""),
            complete=complete,
        )

    def read(self, pages: int) -> Iterator[bytes]:
        """The pages' JSON arrays in order. Raises `KeyError` when one is not there any more."""
        unpack = zstandard.ZstdDecompressor()
        for number in range(pages):
            packed = self._store.client.get(self._page(number))
            if not isinstance(packed, bytes):
                raise KeyError(f"page {number} of the unit is not in Redis any more")
            yield unpack.decompress(packed)

    def drop(self) -> None:
        """Free the pages; harmless when they are gone."""
        self._store.client.unlink(*self.names())

    def names(self) -> list[bytes]:
        """The keys of the pages that the manifest named when it was read, and of the manifest."""
        count = self.manifest().pages if self._count is None else self._count
        return [*map(self._page, range(count)), self._manifest]

    def _page(self, number: int) -> bytes:
        return keys.page(self._connection, self._run, self._unit, self._attempt, number)
