"""One look-up for the batches of a turn: how many are asked for, and that nothing is missed meanwhile."""

from common.model.decision import Order
from common.state.intents import Intents
from services.servicenow_writer.looking import SysIdMode
from tests.e2e.test_writer_kill import each_once
from tests.e2e.test_writer_trouble import created
from tests.e2e.writer_rig import CONNECTION, Rig
from tests.simulator import Simulator

pytest_plugins = ["tests.e2e.writer_fixtures"]

CREATE, UPDATE = "servicenow.table.create", "servicenow.table.update"
TURN = 50  # jobs of one claim; the first batches are of 10, 20 and the rest


class LookUps:
    """Counts look-ups by key: a latency of nothing counts what it matches."""

    def __init__(self, simulator: Simulator, key: str) -> None:
        self._simulator = simulator
        self._id = simulator.fault(
            "servicenow.table.list",
            "latency",
            subject="incident",
            match=f"{key}IN",
            times=None,
            params={"seconds": 0},
        )

    @property
    def count(self) -> int:
        armed = self._simulator.control("GET", "/faults")
        return next(int(fault["applied"]) for fault in armed if fault["id"] == self._id)


def learnt(rig: Rig, mode: SysIdMode) -> list[Order]:
    """Creates as they will be claimed, for an instance of which it is known what it does with sys_ids."""
    rig.begin(TURN)
    rig.register.update(rig.fence, {"sys_id_mode": mode.value})
    return sorted((rig.create(number) for number in range(TURN)), key=lambda order: order.group)


def finish(rig: Rig, orders: list[Order]) -> None:
    """One thread, so that there is one turn."""
    rig.put(orders)
    with rig.writer(concurrency="1"):
        assert rig.wait_end() == "complete"


def test_one_look_up_a_turn(rig: Rig) -> None:
    """Fifty creates in three batches are looked up by sys_id in one request."""
    orders = learnt(rig, SysIdMode.HONOURED)
    by_sys_id = LookUps(rig.simulator, "sys_id")
    by_name = LookUps(rig.simulator, "correlation_id")
    finish(rig, orders)
    each_once(rig, TURN)
    assert rig.simulator.control("GET", "/requests")["routes"]["servicenow.batch"] == 3
    assert (by_sys_id.count, by_name.count) == (1, 0)


def test_two_look_ups_by_correlation_id(rig: Rig) -> None:
    """Where sys_ids are not kept, at least 20 go into one request."""
    rig.simulator.control("POST", "/modes", {"sys_id_ignored": True})
    orders = learnt(rig, SysIdMode.LOOKUP)
    by_name = LookUps(rig.simulator, "correlation_id")
    finish(rig, orders)
    each_once(rig, TURN)
    assert by_name.count == 2


def test_cut_off_is_looked_up_anew(rig: Rig) -> None:
    """What a batch did not get to is looked up once more, and only that."""
    orders = learnt(rig, SysIdMode.HONOURED)
    rig.simulator.fault("servicenow.batch", "unserviced", params={"count": 6})
    by_sys_id = LookUps(rig.simulator, "sys_id")
    finish(rig, orders)
    each_once(rig, TURN)
    assert 2 <= by_sys_id.count <= 3


def test_sys_ids_are_kept_no_more(rig: Rig) -> None:
    """The first batch shows it; tickets of the later ones were there, and only their correlation_id tells."""
    rig.simulator.control("POST", "/modes", {"sys_id_ignored": True})
    orders = learnt(rig, SysIdMode.HONOURED)
    for order in orders[10:]:
        insert(rig, order)
    by_name = LookUps(rig.simulator, "correlation_id")
    finish(rig, orders)
    assert rig.outcomes() == {"created:new_findings": 10, "unchanged:already_there": 40}
    assert by_name.count == 2
    assert rig.simulator.ledger()["duplicates"] == 0
    assert len(rig.mine()) == TURN


def test_sent_meanwhile(rig: Rig) -> None:
    """Another writer's attempt is noted after the look-up: its ticket is found, not made again."""
    rig.simulator.control("POST", "/modes", {"sys_id_ignored": True})
    orders = learnt(rig, SysIdMode.LOOKUP)
    barrier = rig.simulator.barrier(CREATE, "before")
    rig.put(orders)
    with rig.writer(concurrency="1"):
        rig.simulator.wait_held(barrier)
        other = orders[-1]
        Intents(rig.store, CONNECTION).note(rig.fence, [bytes.fromhex(other.group)])
        insert(rig, other)
        rig.simulator.release(barrier)
        assert rig.wait_end() == "complete"
    assert rig.simulator.ledger()["duplicates"] == 0
    assert len(rig.mine()) == TURN


def insert(rig: Rig, order: Order) -> None:
    """A ticket under the order's key, as another writer's create leaves it."""
    simulator = rig.simulator
    fields = {**order.fields, "correlation_id": order.correlation_id}
    with simulator.session() as session:
        url = f"{simulator.servicenow}/api/now/table/{order.table}"
        answer = session.post(url, json=fields, headers=simulator.servicenow_headers(), timeout=30)
    assert answer.status_code == 201, answer.text


def test_updates_are_read_before_their_own_batch(rig: Rig) -> None:
    """People close all tickets while a first batch of ten is under way: the second leaves them alone."""
    orders = created(rig, 20)
    barrier = rig.simulator.barrier(UPDATE, "before")
    rig.put([rig.change(order) for order in orders])
    with rig.writer(concurrency="1"):
        rig.simulator.wait_held(barrier)
        assert rig.queue.depth().leased == 20
        change = {"op": "close", "table": "incident", "sys_ids": [order.sys_id for order in orders]}
        rig.simulator.control("POST", "/servicenow/change", change)
        rig.simulator.release(barrier)
        assert rig.wait_end() == "complete"
    assert rig.outcomes()["unchanged:changed_meanwhile"] == 10
