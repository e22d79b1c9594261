"""Links in Redis: one hash of packed links, written by compare and set."""

from collections.abc import Iterator, Mapping, Sequence

from common.model.link import Link, pack_link, unpack_link
from common.state import keys
from common.state.store import Fence, Store, octets, raw


class Links:
    """All links of a connection; never loaded as a whole."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store = store
        self._connection = connection
        self._key = keys.links(connection)

    def get_many(self, groups: Sequence[bytes]) -> dict[bytes, Link]:
        """The links that exist among `groups`."""
        if not groups:
            return {}
        values = raw(self._store.client.hmget(self._key, list(groups)))
        return {g: unpack_link(value) for g, value in zip(groups, values, strict=True) if value is not None}

    def get(self, group: bytes) -> Link | None:
        return self.get_many([group]).get(group)

    def replace(self, fence: Fence, changes: Mapping[bytes, tuple[Link | None, Link]]) -> set[bytes]:
        """Compare and set: group -> (the link it was decided on, the new one).

        Answers the groups whose link was another one by now. Raises `Superseded`.
        """
        if not changes:
            return set()
        args: list[bytes] = []
        for group, (before, after) in changes.items():
            args += [group, pack_link(before) if before is not None else b"", pack_link(after)]
        lost = self._store.fenced("link", fence, self._connection, [self._key], args)
        return set(lost)

    def scan(self) -> Iterator[tuple[bytes, Link]]:
        """Every link, streamed."""
        for group, packed in self._store.client.hscan_iter(self._key, count=500):
            yield octets(group), unpack_link(octets(packed))

    def count(self) -> int:
        return int(self._store.client.hlen(self._key))
