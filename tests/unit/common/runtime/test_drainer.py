"""Workers and their bells, on a real Redis: nobody waits for a bell that was not rung."""

from collections.abc import Sequence

import pytest

from common.errors import Fatal
from common.messages import Doorbell
from common.runtime.bells import Bells
from common.runtime.drain import Drainer, Lease
from common.state.queue import Claimed, Item, WorkQueue
from common.state.runs import Runs
from common.state.store import Fence, Store


class Worker:
    """A stage that notes what it was given, the queue it takes from, and the bells that rang for it."""

    queue, batch = "map", 1

    def __init__(self, store: Store) -> None:
        self.store = store
        self.work = WorkQueue(store, "c", "map")
        self.done: list[bytes] = []
        self.paused = False
        self.rung: list[Doorbell] = []
        self.bells = Bells(store, lambda _, bell: self.rung.append(bell), 15, 4)
        self.drainer = Drainer(
            lambda c, q: WorkQueue(store, c, q),
            lease_seconds=30,
            budget_seconds=30,
            paused=lambda _: self.paused,
            failure=lambda *_: None,
            parked=lambda _: None,
            looks=1,
        )
        Runs(store, "c").start(store.epoch(), "r", 900, {})

    def put(self, *names: bytes) -> None:
        """As Flow.put."""
        busy = self.work.put(Fence(self.store.epoch(), "r"), [Item(name, 0, b"") for name in names])
        self.bells.ring("c", "map", busy)

    def handle(self, connection: str, items: Sequence[Claimed], lease: Lease) -> None:
        del connection, lease
        self.done += [item.id for item in items]

    def failed(self, connection: str, item: Claimed, error: Fatal) -> None:
        raise AssertionError(connection, item, error)


@pytest.fixture
def worker(store: Store) -> Worker:
    return Worker(store)


def test_a_bell_rings_until_its_worker_leaves(worker: Worker) -> None:
    """Work that is put while somebody works calls another one only when there is work for two."""
    worker.put(b"a")
    worker.put(b"a")
    assert [bell.slot for bell in worker.rung] == [0]
    worker.put(b"b")
    assert [bell.slot for bell in worker.rung] == [0, 1]


def test_what_is_put_while_a_worker_leaves_is_seen(worker: Worker) -> None:
    """Before the last look the next put rings again, after it the last look sees: nothing falls between."""
    worker.put(b"a")
    (bell,) = worker.rung

    def leaving() -> None:
        worker.put(b"b")  # its bell is still held: nobody is called
        worker.bells.answered(bell)

    assert worker.drainer.run(worker, "c", leaving) == 0
    assert worker.done == [b"a", b"b"]
    assert len(worker.rung) == 1
    worker.put(b"c")
    assert len(worker.rung) == 2


def test_a_paused_connection_is_not_rung_for(worker: Worker) -> None:
    """Else its bells would go round and round until somebody resumes it; the sweep rings then."""
    worker.put(b"a")
    worker.paused = True
    assert worker.drainer.run(worker, "c", lambda: worker.bells.answered(worker.rung[0])) == 0
    assert worker.done == []
