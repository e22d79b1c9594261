"""A lease counts from before the claim."""

import time
from collections.abc import Sequence

from common.errors import Fatal
from common.runtime.drain import Drainer, Lease
from common.state.queue import Claimed, Item, WorkQueue
from common.state.store import Fence, Store


class Frozen(WorkQueue):
    """Its worker stands still for longer than the lease, once Redis has answered."""

    def claim(self, limit: int, lease_seconds: float, owner: str) -> list[Claimed]:
        claimed = super().claim(limit, lease_seconds, owner)
        time.sleep(2 * lease_seconds if claimed else 0)
        return claimed


class Stage:
    """Notes what it was given, and whether it was still its own."""

    queue = "q"
    batch = 1

    def __init__(self) -> None:
        self.held: list[bool] = []

    def handle(self, connection: str, items: Sequence[Claimed], lease: Lease) -> None:
        del connection
        self.held += [lease.holds(item) for item in items]

    def failed(self, connection: str, item: Claimed, error: Fatal) -> None:
        """Nothing fails here."""


def test_a_worker_that_was_frozen_after_its_claim_holds_nothing(store: Store) -> None:
    """The lease ran out in Redis while the answer lay unread: another worker may have the item."""
    Frozen(store, "c", "q").put(Fence(store.epoch()), [Item(b"i", 0, b"")])
    stage = Stage()
    Drainer(
        lambda connection, queue: Frozen(store, connection, queue),
        lease_seconds=0.2,
        budget_seconds=5,
        paused=lambda _: False,
        failure=lambda *_: None,
        parked=lambda _seconds: None,
    ).run(stage, "c")
    assert stage.held == [False]
