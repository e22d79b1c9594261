"""Which connection a run belongs to: people type its id alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from common.operate.errors import NotFound
from common.state import keys
from common.state.runs import Runs
from common.state.store import Store, text

LATEST = "latest"
_LOOK_BACK = 1000


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run and its connection."""

    connection: str
    run: str


def connections_with_state(store: Store) -> list[str]:
    """Ids of all connections that ever ran in this Redis."""
    return sorted(text(one) for one in store.client.smembers(keys.CONNECTIONS))


def find_run(store: Store, run: str, connections: Iterable[str]) -> FoundRun:
    """The run with this id among those of `connections`; `latest` is the newest of all.

    Raises NotFound, with what was perhaps meant.
    """
    some = list(connections)
    if run == LATEST:
        newest = [
            (int(Runs(store, c).record(r).get("started", "0")), c, r) for c, r in _known(store, some, 1)
        ]
        if newest:
            _, connection, found = max(newest)
            return FoundRun(connection, found)
    for connection in some:
        if Runs(store, connection).record(run):
            return FoundRun(connection, run)
    raise NotFound("run", run, [r for _, r in _known(store, some, _LOOK_BACK)], "isthmus runs list")


def _known(store: Store, connections: list[str], limit: int) -> list[tuple[str, str]]:
    return [(one, run) for one in connections for run in Runs(store, one).latest(limit)]
