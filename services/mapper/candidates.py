"""Writing decisions of a run that wait for the caps: sorted sets in Redis, one for each rule and kind."""

from collections.abc import Iterator, Mapping, Sequence

from common.model.decision import Decision, Kind
from common.state import keys
from common.state.store import Fence, Store, octets, text
from services.mapper.decide_reasons import Reason

_TTL = 24 * 3600
CREATE, RESOLVE, REWRITE, OTHER = "create", "resolve", "rewrite", "other"


def family(decision: Decision) -> str:
    """The family by which caps count."""
    if decision.reason == Reason.TEMPLATE_CHANGED:
        return REWRITE
    return {Kind.CREATE: CREATE, Kind.RESOLVE: RESOLVE}.get(decision.kind, OTHER)


class Candidates:
    """Candidates of one run; scores are lowest for what is to be written first."""

    def __init__(self, store: Store, connection: str, fence: Fence) -> None:
        self._store = store
        self._connection = connection
        self._fence = fence
        self._run = fence.run

    def add(self, rule: str, kind_family: str, scores: Mapping[bytes, float]) -> None:
        if scores:
            key = self._key(rule, kind_family)
            flat = [part for group, score in scores.items() for part in (score, group)]
            self._store.write(self._fence, self._connection, "ZADD", key, flat)
            self._store.client.expire(key, _TTL)
            self._store.client.sadd(self._index(), f"{kind_family}:{rule}")
            self._store.client.expire(self._index(), _TTL)

    def drop(self, rule: str, kind_family: str, groups: Sequence[bytes]) -> None:
        if groups:
            self._store.client.zrem(self._key(rule, kind_family), *groups)

    def sets(self) -> list[tuple[str, str]]:
        """(family, rule) of every set."""
        found = self._store.client.smembers(self._index())
        pairs = (text(name).partition(":") for name in found)
        return sorted((kind_family, rule) for kind_family, _, rule in pairs)

    def of(self, rule: str, kind_family: str) -> Iterator[tuple[bytes, float]]:
        for group, score in self._store.client.zscan_iter(self._key(rule, kind_family), count=500):
            yield octets(group), float(score)

    def count(self, rule: str, kind_family: str) -> int:
        return int(self._store.client.zcard(self._key(rule, kind_family)))

    def to_backlog(self) -> int:
        """Make everything that is left the run's backlog; answers its size."""
        backlog = keys.run(self._connection, self._run, "backlog")
        names = [self._key(rule, kind_family) for kind_family, rule in self.sets()]
        if not names:
            return 0
        size = int(self._store.client.zunionstore(backlog, names, aggregate="MIN"))
        self._store.client.expire(backlog, _TTL)
        return size

    def clear(self) -> None:
        names = [self._key(rule, kind_family) for kind_family, rule in self.sets()]
        self._store.client.unlink(self._index(), *names)

    def _key(self, rule: str, kind_family: str) -> bytes:
        return keys.run(self._connection, self._run, f"cand:{kind_family}:{rule}")

    def _index(self) -> bytes:
        return keys.run(self._connection, self._run, "cands")
