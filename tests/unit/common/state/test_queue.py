"""Work queues on a real Redis."""

import time

import pytest
import redis

from common.errors import Superseded
from common.state import keys
from common.state.queue import Item, WorkQueue
from common.state.store import Fence, Store


def _fence(store: Store) -> Fence:
    return Fence(store.epoch())


def test_claims_lowest_score_first_and_settles(store: Store) -> None:
    """What was claimed and settled is gone; the rest waits in order."""
    queue = WorkQueue(store, "c", "q")
    queue.put(_fence(store), [Item(b"late", 5, b"2"), Item(b"soon", 1, b"1")])
    first = queue.claim(1, 5, "me")
    assert [(item.id, item.body) for item in first] == [(b"soon", b"1")]
    assert queue.settle("me", first) == {item.id for item in first}
    assert [item.id for item in queue.claim(5, 5, "me")] == [b"late"]


def test_an_expired_lease_returns_and_its_late_holder_settles_nothing(store: Store) -> None:
    """Work of a dead holder comes back; the holder that wakes late can't take it away from the next."""
    queue = WorkQueue(store, "c", "q")
    queue.put(_fence(store), [Item(b"a", 0, b"x")])
    dead = queue.claim(1, 0.05, "dead")
    time.sleep(0.1)
    assert queue.sweep() == 1
    heir = queue.claim(1, 5, "heir")
    assert queue.settle("dead", dead) == set()
    assert queue.settle("heir", heir) == {heir[0].id}
    assert queue.size() == 0


def test_a_body_replaced_during_work_is_done_again(store: Store) -> None:
    """The latest wins: settling an older body makes the item ready with the newer one."""
    queue = WorkQueue(store, "c", "q")
    queue.put(_fence(store), [Item(b"a", 0, b"old")])
    claimed = queue.claim(1, 5, "me")
    queue.put(_fence(store), [Item(b"a", 0, b"new")])
    assert queue.claim(1, 5, "other") == []
    assert queue.settle("me", claimed) == set()
    assert queue.claim(1, 5, "me")[0].body == b"new"


def test_renewing_keeps_only_what_is_still_owned(store: Store) -> None:
    """A lease that was lost is not renewed."""
    queue = WorkQueue(store, "c", "q")
    queue.put(_fence(store), [Item(b"a", 0, b""), Item(b"b", 1, b"")])
    items = queue.claim(2, 0.05, "me")
    time.sleep(0.1)
    queue.sweep()
    queue.claim(1, 5, "other")
    assert queue.renew("me", items, 5) == set()


def test_parked_items_return_when_due_with_their_new_body(store: Store) -> None:
    """Parking takes no worker; the sweep brings the item back."""
    queue = WorkQueue(store, "c", "q")
    queue.put(_fence(store), [Item(b"a", 0, b"1")])
    (item,) = queue.claim(1, 5, "me")
    assert queue.park("me", item, 0.05, b"2") == 1
    assert queue.sweep() == 0
    time.sleep(0.1)
    assert queue.sweep() == 1
    (again,) = queue.claim(1, 5, "me")
    assert again.body == b"2"
    assert queue.park("me", again, 0) == 2


def test_nothing_is_put_into_another_incarnation(store: Store, redis_client: redis.Redis) -> None:
    """After a loss of Redis a late worker's write is refused."""
    queue = WorkQueue(store, "c", "q")
    fence = _fence(store)
    redis_client.flushall()
    store.epoch()
    with pytest.raises(Superseded):
        queue.put(fence, [Item(b"a", 0, b"")])
    assert queue.size() == 0


def test_a_superseded_run_can_not_put(store: Store, redis_client: redis.Redis) -> None:
    """The register names the run that may write."""
    redis_client.hset(keys.connection("c"), "run", "r2")
    queue = WorkQueue(store, "c", "q")
    with pytest.raises(Superseded):
        queue.put(Fence(store.epoch(), "r1"), [Item(b"a", 0, b"")])
    queue.put(Fence(store.epoch(), "r2"), [Item(b"a", 0, b"")])
    assert queue.size() == 1


def test_keep_leaves_an_item_that_is_there(store: Store) -> None:
    """An item put with keep does not replace the body that stands."""
    queue = WorkQueue(store, "c", "q")
    queue.put(_fence(store), [Item(b"a", 0, b"1")])
    queue.put(_fence(store), [Item(b"a", 0, b"2")], keep=True)
    assert queue.claim(1, 5, "me")[0].body == b"1"


def test_depth_tells_counts_and_age(store: Store) -> None:
    """The oldest item's age is known without touching it."""
    queue = WorkQueue(store, "c", "q")
    queue.put(_fence(store), [Item(b"a", 0, b""), Item(b"b", 1, b"")])
    queue.claim(1, 5, "me")
    time.sleep(0.02)
    depth = queue.depth()
    assert (depth.ready, depth.leased, depth.total) == (1, 1, 2)
    assert 0.01 < depth.oldest_seconds < 5
