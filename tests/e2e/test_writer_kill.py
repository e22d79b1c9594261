"""A writer that is killed in the middle of a batch: every ticket once, whatever had been committed."""

import time

import pytest

from tests.e2e.writer_rig import Rig

pytest_plugins = ["tests.e2e.writer_fixtures"]

COUNT = 300
CREATE = "servicenow.table.create"


def each_once(rig: Rig, count: int) -> None:
    """Every order has its ticket, its link and its outcome, and no ticket is there twice."""
    tickets = rig.mine()
    ledger = rig.simulator.ledger()
    assert (ledger["records"], ledger["duplicates"], ledger["unmarked"]) == (count, 0, 0)
    assert len({ticket["correlation_id"] for ticket in tickets}) == count
    linked = {link.sys_id for _, link in rig.links.scan()}
    assert linked == {ticket["sys_id"] for ticket in tickets}
    assert rig.outcomes() == {"created:new_findings": count}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("dropped", [True, False], ids=["cut", "committed_later"])
def test_killed_writer(rig: Rig, when: str, dropped: bool) -> None:
    """SIGKILL before or after an item's commit; the rest of the batch is cut off, or carried out later."""
    rig.begin(COUNT)
    rig.put([rig.create(number) for number in range(COUNT)])
    barrier = rig.simulator.barrier(CREATE, when, skip=117)
    victim = rig.start()
    rig.simulator.wait_held(barrier)
    victim.kill()
    victim.wait(10)
    with rig.writer():
        time.sleep(1)
        rig.simulator.release(barrier, drop=dropped)
        assert rig.wait_end() == "complete"
    each_once(rig, COUNT)


def test_killed_writer_without_sys_ids(rig: Rig) -> None:
    """The same on an instance that does not keep our sys_ids: the look-up by correlation_id holds."""
    rig.simulator.control("POST", "/modes", {"sys_id_ignored": True})
    rig.begin(COUNT)
    rig.put([rig.create(number) for number in range(COUNT)])
    barrier = rig.simulator.barrier(CREATE, "after", skip=3)
    victim = rig.start()
    rig.simulator.wait_held(barrier)
    victim.kill()
    victim.wait(10)
    with rig.writer():
        rig.simulator.release(barrier)
        assert rig.wait_end() == "complete"
    each_once(rig, COUNT)
    assert "sys_id_not_kept" in rig.told()


def test_two_writers(rig: Rig) -> None:
    """Two writers share the work, and none does what the other did."""
    rig.begin(COUNT)
    rig.put([rig.create(number) for number in range(COUNT)])
    with rig.writer(), rig.writer():
        assert rig.wait_end() == "complete"
    each_once(rig, COUNT)
