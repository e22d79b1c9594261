"""What decides is written behind the fence, and a script that is sent twice is as one."""

from collections.abc import Callable

import pytest

from common.errors import Superseded
from common.model.decision import Kind
from common.runtime.bells import Bells
from common.state import keys
from common.state.flow import CHUNK, Flow
from common.state.groups import Groups
from common.state.holds import Hold, Holds
from common.state.queue import Item, WorkQueue
from common.state.runs import Runs, UnitRecord
from common.state.store import Fence, Store
from common.state.units import Ids, Members
from services.mapper.candidates import CREATE, Candidates
from tests.orders.stepping import SteppedStore

GROUP = b"12345678"
HOLD = Hold(GROUP, "r2", "rule", Kind.CREATE, "cap_rule", 1, 1)


def _flow(store: Store) -> Flow:
    return Flow(store, Bells(store, lambda _lane, _bell: None, 15, 4), window=1000, stale_after=0)


def _runs(store: Store) -> tuple[Fence, Fence]:
    """The fences of a run that was overtaken and of the one that overtook it."""
    for run in ("r1", "r2"):
        Runs(store, "c").start(store.epoch(), run, 0, {"mode": "live"})
    return Fence(store.epoch(), "r1"), Fence(store.epoch(), "r2")


STALE: dict[str, Callable[[Store, Fence], None]] = {
    "take a hold": lambda store, fence: Holds(store, "c").drop(fence, [GROUP]),
    "put a hold": lambda store, fence: Holds(store, "c").put(fence, HOLD),
    "forget a time": lambda store, fence: Groups(store, "c").revisit(fence, {GROUP: 0}),
    "end a unit": lambda store, fence: _flow(store).unit_ended("c", fence, "u"),
    "add a candidate": lambda store, fence: Candidates(store, "c", fence).add("rule", CREATE, {GROUP: 1.0}),
}


@pytest.mark.parametrize("what", STALE)
def test_a_run_that_was_overtaken_can_not(store: Store, what: str) -> None:
    """The newer run's holds and times stay; after a loss of Redis a namesake's units are not ended for it."""
    stale, fence = _runs(store)
    Holds(store, "c").put(fence, HOLD)
    Groups(store, "c").revisit(fence, {GROUP: 5})
    before = {name: store.client.dump(name) for name in store.client.scan_iter()}
    for old in (stale, Fence("another", "r2")):
        with pytest.raises(Superseded):
            STALE[what](store, old)
    assert {name: store.client.dump(name) for name in store.client.scan_iter()} == before


def test_a_time_is_set_and_forgotten(store: Store) -> None:
    _, fence = _runs(store)
    groups = Groups(store, "c")
    groups.revisit(fence, {GROUP: 5, b"87654321": 9})
    groups.revisit(fence, {GROUP: 0})
    assert groups.due(10) == [b"87654321"]


def test_of_two_mappings_the_first_one_stands(store: Store) -> None:
    """A record is moved from the state that it is in, and only once."""
    _, fence = _runs(store)
    runs = Runs(store, "c")
    assert not runs.move_unit(fence, ("read",), UnitRecord("u", state="mapped"))
    runs.put_units(fence, [UnitRecord("u", state="read")])
    assert runs.move_unit(fence, ("read",), UnitRecord("u", state="mapped", stage="a"))
    assert not runs.move_unit(fence, ("read",), UnitRecord("u", state="mapped", stage="b"))
    assert runs.unit("r2", "u") == UnitRecord("u", state="mapped", stage="a")


def test_ids_are_not_written_after_the_commit(store: Store) -> None:
    """Whoever comes after the commit may have found a part of the collected ids only."""
    _, fence = _runs(store)
    ids = Ids(store, "c", b"unit0001")
    ids.save(fence, "", 1, {0: {GROUP: Members(1, ["one"])}})
    store.client.hset(keys.generation("c", b"unit0001"), "version", "r2")
    ids.save(fence, "", 1, {0: {}})
    assert ids.of(GROUP).ids == ["one"]


def test_a_chunk_whose_answer_was_lost_is_not_overwritten(store: Store) -> None:
    """The client sends the script again by itself: no group may fall out between backlog and chunks."""
    _, fence = _runs(store)
    wanted = {number.to_bytes(8, "big") for number in range(3 * CHUNK)}
    store.client.zadd(keys.run("c", "r2", "backlog"), dict.fromkeys(wanted, 0.0))
    runs = Runs(store, "c")
    runs.update(fence, {"decided": "1", "tickets_done": "1", "touched": str(len(wanted))})
    _flow(SteppedStore(store.client, twice={"fill"})).advance("c", fence)
    bodies = WorkQueue(store, "c", "rows").claim(10, 60, "me")
    assert sorted(b"".join(item.body for item in bodies)) == sorted(b"".join(wanted))


def test_a_starter_that_was_frozen_empties_no_queue(store: Store) -> None:
    """Neither what its own run has put since another one began it, nor a newer run's work."""
    flow, epoch = _flow(store), store.epoch()

    def freeze(name: str, _: object) -> None:
        if name == "begin_run":
            store.client.hset(keys.run("c", "r1"), "started", "0")
            flow.resume("c", epoch)
            flow.put("c", Fence(epoch, "r1"), "read", [Item(b"unit", 0, b"")])

    _flow(SteppedStore(store.client, before=freeze)).start_run("c", epoch, "r1", {"mode": "live"}, "{}")
    assert WorkQueue(store, "c", "read").size() == 1

    def overtake(name: str, _: object) -> None:
        if name == "begin_run":
            flow.start_run("c", epoch, "r3", {"mode": "live"}, "{}")
            flow.put("c", Fence(epoch, "r3"), "read", [Item(b"unit", 0, b"")])

    with pytest.raises(Superseded):
        _flow(SteppedStore(store.client, before=overtake)).start_run("c", epoch, "r2", {"mode": "live"}, "{}")
    assert WorkQueue(store, "c", "read").size() == 1


def test_a_starter_that_died_after_it_began_is_made_up_for(store: Store) -> None:
    """The sweep puts the first work of a run that has none."""
    flow, epoch = _flow(store), store.epoch()
    flow.start_run("c", epoch, "r1", {"mode": "live"}, "{}")
    store.client.unlink(*WorkQueue(store, "c", "tickets").keys)
    flow.resume("c", epoch)
    assert [item.id for item in WorkQueue(store, "c", "tickets").claim(2, 60, "me")] == [b"r1"]
