"""What a ticket's attachment is made of, and the file itself: compressed, beside the queues, for a day."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import zstandard

from common.state import keys
from common.state.store import Store, octets

ROWS_AT_MOST = 5000
_TTL = 24 * 3600
_rows = msgspec.msgpack.Decoder(list[dict[str, Any]])


class CsvFiles:
    """Attachments of one run, by group."""

    def __init__(self, store: Store, connection: str, run: str) -> None:
        self._store = store
        self._connection = connection
        self._run = run

    def put_rows(self, group: bytes, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the rows of all members (the worst 5,000 at most)."""
        self._set(self._key("csv_rows", group), msgspec.msgpack.encode(rows))

    def rows(self, group: bytes) -> list[dict[str, Any]]:
        packed = octets(self._store.client.get(self._key("csv_rows", group)))
        return _rows.decode(zstandard.ZstdDecompressor().decompress(packed)) if packed else []

    def known(self, group: bytes) -> bool:
        """Whether the rows were read already, or the file is made."""
        return int(self._store.client.exists(self._key("csv_rows", group), self._key("csv", group))) > 0

    def made(self, group: bytes) -> bool:
        """Whether the file is there."""
        return int(self._store.client.exists(self._key("csv", group))) > 0

    def put(self, group: bytes, content: str) -> None:
        """Keep the file and drop the rows."""
        self._set(self._key("csv", group), content.encode())
        self._store.client.unlink(self._key("csv_rows", group))

    def content(self, group: bytes) -> bytes:
        """The file; empty when it is not there any more."""
        packed = octets(self._store.client.get(self._key("csv", group)))
        return zstandard.ZstdDecompressor().decompress(packed) if packed else b""

    def drop(self, group: bytes) -> None:
        """Forget rows and file."""
        self._store.client.unlink(self._key("csv_rows", group), self._key("csv", group))

    def _key(self, part: str, group: bytes) -> bytes:
        return keys.run(self._connection, self._run, f"{part}:{group.hex()}")

    def _set(self, key: bytes, content: bytes) -> None:
        self._store.client.set(key, zstandard.ZstdCompressor(level=1).compress(content), ex=_TTL)
