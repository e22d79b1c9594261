"""Tags that decide which rule takes a unit's findings: what mapping wants, and what was read."""

from collections.abc import Iterable, Mapping

import msgspec
import zstandard

from common.identity import unit_key
from common.state import keys
from common.state.store import Store, octets

_TTL = 24 * 3600
_wanted = msgspec.msgpack.Decoder(list[str])
_tags = msgspec.msgpack.Decoder(dict[str, dict[str, str]])


class UnitTags:
    """The tags of one unit in one run. Resource ids are lower case, names of tags too."""

    def __init__(self, store: Store, connection: str, run: str, unit: str) -> None:
        self._store = store
        self._wanted = keys.unit_part(connection, run, "tags_wanted", unit_key(unit))
        self._read = keys.unit_part(connection, run, "tags", unit_key(unit))

    def want(self, resources: Iterable[str]) -> int:
        """Ask for the tags of these resources; answers how many they are."""
        wanted = sorted(set(resources))
        self._set(self._wanted, msgspec.msgpack.encode(wanted))
        return len(wanted)

    def wanted(self) -> list[str]:
        packed = octets(self._store.client.get(self._wanted))
        return _wanted.decode(zstandard.ZstdDecompressor().decompress(packed)) if packed else []

    def put(self, tags: Mapping[str, Mapping[str, str]]) -> None:
        self._set(self._read, msgspec.msgpack.encode(tags))

    def read(self) -> dict[str, dict[str, str]] | None:
        """Tags by resource; None when they were not read yet."""
        packed = octets(self._store.client.get(self._read))
        return _tags.decode(zstandard.ZstdDecompressor().decompress(packed)) if packed else None

    def drop(self) -> None:
        self._store.client.unlink(self._wanted, self._read)

    def _set(self, key: bytes, content: bytes) -> None:
        self._store.client.set(key, zstandard.ZstdCompressor(level=1).compress(content), ex=_TTL)
