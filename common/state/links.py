"""Links in Redis: one hash of packed links, written by compare and set."""

from collections.abc import Iterator, Mapping, Sequence

from common.model.link import Link, pack_link, unpack_link
from common.state import keys
from common.state.store import Fence, Store, octets, raw

_OVERLAY_TTL = 24 * 3600


class Links:
    """All links of a connection, never loaded as a whole; with `plan_run`, writes go to its overlay."""

    def __init__(self, store: Store, connection: str, plan_run: str = "") -> None:
        self._store = store
        self._connection = connection
        self._key = keys.links(connection)
        self._overlay = keys.run(connection, plan_run, "links") if plan_run else b""

    def get_many(self, groups: Sequence[bytes]) -> dict[bytes, Link]:
        """The links that exist among `groups`."""
        if not groups:
            return {}
        values = raw(self._store.client.hmget(self._key, list(groups)))
        if self._overlay:
            over = raw(self._store.client.hmget(self._overlay, list(groups)))
            values = [mine if mine is not None else live for mine, live in zip(over, values, strict=True)]
        return {g: unpack_link(value) for g, value in zip(groups, values, strict=True) if value is not None}

    def get(self, group: bytes) -> Link | None:
        return self.get_many([group]).get(group)

    def replace(self, fence: Fence, changes: Mapping[bytes, tuple[Link | None, Link]]) -> set[bytes]:
        """Compare and set: group -> (the link it was decided on, the new one).

        Answers the groups whose link was another one by now. Raises `Superseded`.
        """
        if not changes:
            return set()
        if self._overlay:
            pipe = self._store.client.pipeline(transaction=False)
            for group, (_, after) in changes.items():
                pipe.hset(self._overlay, group, pack_link(after))
            pipe.expire(self._overlay, _OVERLAY_TTL)
            pipe.execute()
            return set()
        args: list[bytes] = []
        for group, (before, after) in changes.items():
            args += [group, pack_link(before) if before is not None else b"", pack_link(after)]
        lost = self._store.fenced("swap", fence, self._connection, [self._key], args)
        return set(lost)

    def scan(self) -> Iterator[tuple[bytes, Link]]:
        """Every link, streamed."""
        for group, packed in self._store.client.hscan_iter(self._key, count=500):
            yield octets(group), unpack_link(octets(packed))

    def count(self) -> int:
        return int(self._store.client.hlen(self._key))
