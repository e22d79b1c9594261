"""The sweep that every consumer of work queues runs: nothing waits for a bell that was lost."""

from collections.abc import Iterable

from common.runtime.bells import Bells
from common.state.queue import WorkQueue
from common.state.store import Store


def sweep_queues(store: Store, bells: Bells, connections: Iterable[str], queues: Iterable[str]) -> None:
    """Return expired leases and due parked items, and ring where work is ready."""
    names = tuple(queues)
    for connection in connections:
        for name in names:
            ready = WorkQueue(store, connection, name).sweep()
            if ready:
                bells.ring(connection, name, ready)
