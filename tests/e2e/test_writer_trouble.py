"""Lost answers, quotas, refusals and people: what becomes of orders when ServiceNow is difficult."""

from typing import Any

import msgspec
import pytest

from common.model.decision import Order
from common.state.csv_files import CsvFiles
from common.state.holds import DeadLetters
from common.state.queue import Item
from tests.e2e.test_writer_kill import each_once
from tests.e2e.writer_rig import CONNECTION, Rig

pytest_plugins = ["tests.e2e.writer_fixtures"]

CREATE, BATCH = "servicenow.table.create", "servicenow.batch"
COUNT = 30


def created(rig: Rig, count: int = COUNT, **changes: Any) -> list[Order]:
    """Tickets of earlier runs."""
    rig.begin(count, "20261122T020000Z-000000")
    orders = [rig.create(number, **changes) for number in range(count)]
    rig.put(orders)
    with rig.writer():
        assert rig.wait_end() == "complete"
    rig.begin(count)
    return orders


def finish(rig: Rig, orders: list[Order], status: str = "complete", **settings: str) -> None:
    """Put orders and let a writer end the run; `partial` where something failed that nobody decided."""
    rig.put(orders)
    with rig.writer(**settings):
        assert rig.wait_end() == status


@pytest.mark.parametrize(
    ("route", "kind", "spec"),
    [
        (CREATE, "reset_after_commit", {"skip": 4}),
        (CREATE, "commit_late", {"skip": 4, "params": {"seconds": 2}}),
        (CREATE, "403_after_insert", {"skip": 4, "times": 3}),
        (CREATE, "500_after_commit", {"skip": 4, "times": 3}),
        (CREATE, "500_before", {"skip": 4, "times": 3}),
        (CREATE, "429_semaphore", {"skip": 4, "times": 3}),
        (CREATE, "truncated_200", {"skip": 4}),
        (BATCH, "reset_before", {}),
        (BATCH, "reset_after_commit", {"skip": 1}),
        (BATCH, "truncated_200", {"skip": 1}),
        (BATCH, "500_after_commit", {"skip": 1}),
        (BATCH, "unserviced", {"params": {"count": 6}}),
        (BATCH, "429_semaphore", {"times": 2}),
        (BATCH, "429_rate_rule", {"params": {"retry_after": 2}}),
        ("servicenow.table.list", "429_semaphore", {"times": 2}),
        ("servicenow.table.list", "truncated_200", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_fault(rig: Rig, route: str, kind: str, spec: dict[str, Any]) -> None:
    """Whatever happens to a request, every ticket is there once in the end."""
    rig.begin(COUNT)
    rig.simulator.fault(route, kind, **spec)
    rig.put([rig.create(number) for number in range(COUNT)])
    with rig.writer():
        assert rig.wait_end() == "complete"
    each_once(rig, COUNT)


def test_inserted_but_refused(rig: Rig) -> None:
    """Every create is answered 403 though it was carried out: the tickets are found, nothing is dead."""
    rig.simulator.control("POST", "/modes", {"read_back_blocked": True})
    rig.begin(COUNT)
    finish(rig, [rig.create(number) for number in range(COUNT)])
    each_once(rig, COUNT)


def test_data_policy(rig: Rig) -> None:
    """A create that a data policy refuses becomes a dead letter with ServiceNow's own sentence."""
    rig.simulator.control("POST", "/modes", {"extra_mandatory": {"incident": ["cmdb_ci"]}})
    rig.begin(3)
    finish(rig, [rig.create(number) for number in range(3)], "partial")
    letters = dict(DeadLetters(rig.store, CONNECTION).all())
    assert rig.outcomes() == {"dead:data_policy": 3}
    assert all("Data Policy Exception" in letter["sentence"] for letter in letters.values())
    assert rig.mine() == []


def test_wrong_secret(rig: Rig) -> None:
    """A refused sign-in holds the orders with its reason: no dead letters, and the run ends."""
    rig.begin(COUNT)
    orders = [rig.create(number) for number in range(COUNT)]
    rig.put(orders)
    secret, rig.simulator.servicenow_client_secret = rig.simulator.servicenow_client_secret, "wrong"
    try:
        with rig.writer():
            assert rig.wait_end() == "partial"
    finally:
        rig.simulator.servicenow_client_secret = secret
    assert rig.outcomes() == {"held:signin_refused": COUNT}
    assert "signin_refused" in rig.told()
    asked = rig.simulator.control("GET", "/requests")["routes"].get("servicenow.oauth", 0)
    assert asked <= 3, "a refused sign-in must not be hammered: it locks the account"


def test_superseded_run(rig: Rig) -> None:
    """Orders of a run that is not the current one are dropped unwritten."""
    rig.begin(1, "20261122T020000Z-000000")
    old = rig.create(1)
    rig.begin(1)
    rig.put([old, rig.create(2)])
    with rig.writer():
        assert rig.wait_end() == "complete"
    assert [ticket["short_description"] for ticket in rig.mine()] == ["Fix it tkr00002"]
    assert rig.queue.size() == 0


def test_malformed_order(rig: Rig) -> None:
    """An order that can't be read is a dead letter and spoils nobody else's batch."""
    rig.begin(2)
    rig.queue.put(rig.fence, [Item(b"12345678", 0, b"\xc1 nonsense")])
    finish(rig, [rig.create(1)])
    assert rig.outcomes() == {"created:new_findings": 1, "dead:malformed_order": 1}


@pytest.mark.parametrize(
    ("field", "fate"), [("correlation_display", "field_dropped"), ("impact", "field_rewritten")]
)
def test_dropped_field(rig: Rig, field: str, fate: str) -> None:
    """A field that an ACL drops silently, or that then has its default, is told once in a run."""
    rig.simulator.control("POST", "/modes", {"acl_drop_fields": {"incident": [field]}})
    rig.begin(2)
    finish(rig, [rig.create(number) for number in range(2)])
    told = [sentence for reason, sentence in rig.runs.told(rig.fence.run) if reason == fate]
    assert len(told) == 1
    assert f"incident.{field}" in told[0]


def test_changes(rig: Rig) -> None:
    """Facts, note and stamp go out in one PATCH; a second order on the same ticket counts on."""
    orders = created(rig, 3)
    changes = [rig.change(order, note="Two of three are fixed.") for order in orders]
    finish(rig, changes)
    assert rig.outcomes() == {"updated:facts_changed": 3}
    ticket = next(t for t in rig.mine() if t["sys_id"] == orders[0].sys_id)
    assert ticket["short_description"] == "Fix it better"
    assert ticket["correlation_display"].startswith("isthmus.v1.2.2.0000abcd.")
    assert rig.link(orders[0]).seq == 2
    assert rig.link(orders[0]).facts == "f2"
    assert notes(rig, orders[0].sys_id) == 1


def notes(rig: Rig, sys_id: str) -> int:
    """How many work notes a ticket has."""
    journal = rig.simulator.tickets("sys_journal_field")
    return sum(1 for row in journal if row["element_id"] == sys_id and row["element"] == "work_notes")


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_in_a_note(rig: Rig, when: str) -> None:
    """A writer killed in a batch of notes: each note stands once."""
    orders = created(rig, 20)
    rig.put([rig.change(order, note="Two of three are fixed.") for order in orders])
    barrier = rig.simulator.barrier("servicenow.table.update", when, skip=7)
    victim = rig.start()
    rig.simulator.wait_held(barrier)
    victim.kill()
    victim.wait(10)
    with rig.writer():
        rig.simulator.release(barrier)
        assert rig.wait_end() == "complete"
    assert rig.outcomes() == {"updated:facts_changed": 20}
    assert [notes(rig, order.sys_id) for order in orders] == [1] * 20


@pytest.mark.parametrize(
    ("edit", "outcome", "kept"),
    [
        ({"op": "close"}, "unchanged:changed_meanwhile", "Fix it tkr00000"),
        ({"op": "cancel"}, "unchanged:changed_meanwhile", "Fix it tkr00000"),
        ({"op": "delete"}, "held:deleted_by_person", None),
        ({"op": "edit", "short_description": "Mine"}, "unchanged:edited_by_person", "Mine"),
        ({"op": "note"}, "updated:facts_changed", "Fix it better"),
    ],
    ids=["closed", "canceled", "deleted", "edited", "noted"],
)
def test_person_was_faster(rig: Rig, edit: dict[str, Any], outcome: str, kept: str | None) -> None:
    """What a person did since the run began is not overwritten; the next run decides again."""
    order = created(rig, 1)[0]
    rig.simulator.control("POST", "/servicenow/change", {**edit, "table": "incident", "sys_id": order.sys_id})
    finish(rig, [rig.change(order)])
    assert rig.outcomes() == {outcome: 1}
    assert [t["short_description"] for t in rig.mine()] == ([kept] if kept else [])
    if edit["op"] == "edit":
        assert rig.link(order).edited == ("short_description",)
    if edit["op"] == "delete":
        assert rig.link(order).deleted


def test_hidden_is_not_deleted(rig: Rig) -> None:
    """Tickets that our user may not see any more are held with that reason, not taken for deleted."""
    order = created(rig, 1)[0]
    rig.simulator.control("POST", "/modes", {"hidden_rows": {"incident": "correlation_idSTARTSWITHisth:"}})
    finish(rig, [rig.change(order)], "partial")
    assert rig.outcomes() == {"held:ticket_hidden": 1}
    assert not rig.link(order).deleted


def test_resolve_and_reopen(rig: Rig) -> None:
    """State moves are read back into the link."""
    order = created(rig, 1)[0]
    fields = {"state": "6", "close_code": "Solution provided", "close_notes": "All healthy."}
    finish(rig, [rig.change(order, kind="resolve", reason="all_healthy", fields=fields, note="Fixed.")])
    assert rig.outcomes() == {"resolved:all_healthy": 1}
    link = rig.link(order)
    assert (link.state, link.close_code, link.resolved_at > 0) == ("6", "Solution provided", True)
    rig.begin(1, "20261124T020000Z-000000")
    finish(rig, [rig.change(order, kind="reopen", reason="regression", fields={"state": "2"})])
    assert rig.link(order).state == "2"


def test_attachment(rig: Rig) -> None:
    """The list of resources is attached once, named by its sequence."""
    order = msgspec.structs.replace(rig.create(1), attach_csv=True)
    rig.begin(1)
    CsvFiles(rig.store, order.connection, order.run).put(bytes.fromhex(order.group), "id,name\n1,vm1\n")
    finish(rig, [order])
    files = rig.simulator.tickets("sys_attachment")
    assert [row["file_name"] for row in files] == ["isthmus-resources-1-1.csv"]
    left = CsvFiles(rig.store, order.connection, order.run)
    assert not left.made(bytes.fromhex(order.group))


def test_attachment_that_expired(rig: Rig) -> None:
    """The ticket is created; the run says that its list is missing."""
    rig.begin(1)
    finish(rig, [msgspec.structs.replace(rig.create(1), attach_csv=True)])
    assert rig.outcomes() == {"created:new_findings": 1}
    assert "attachment_failed" in rig.told()
    assert rig.simulator.tickets("sys_attachment") == []


def test_ticket_was_there(rig: Rig) -> None:
    """Redis lost its last second: the ticket of a create is found, linked and not created again."""
    order = created(rig, 1)[0]
    rig.store.client.delete(f"isth:{CONNECTION}:links")
    again = msgspec.structs.replace(order, run=rig.fence.run, members=3, member_digest="00000001")
    finish(rig, [again])
    assert rig.outcomes() == {"unchanged:already_there": 1}
    assert len(rig.mine()) == 1
    assert rig.link(order).facts == ""


def test_sys_id_taken(rig: Rig) -> None:
    """A record of somebody else under our sys_id is a matter for a person."""
    order = created(rig, 1)[0]
    change = {
        "op": "edit",
        "table": "incident",
        "sys_id": order.sys_id,
        "fields": {"correlation_id": "other"},
    }
    rig.simulator.control("POST", "/servicenow/change", change)
    finish(rig, [msgspec.structs.replace(order, run=rig.fence.run)], "partial")
    assert rig.outcomes() == {"dead:sys_id_taken": 1}


def test_duplicates_are_told(rig: Rig) -> None:
    """Several tickets with one correlation_id: the oldest is used, and a sentence says so."""
    rig.simulator.control("POST", "/modes", {"sys_id_ignored": True})
    orders = created(rig, 2)
    first = rig.link(orders[0]).sys_id
    change = {
        "op": "edit",
        "table": "incident",
        "sys_id": rig.link(orders[1]).sys_id,
        "fields": {"correlation_id": orders[0].correlation_id},
    }
    rig.simulator.control("POST", "/servicenow/change", change)
    rig.store.client.delete(f"isth:{CONNECTION}:links")
    rig.begin(1, "20261125T020000Z-000000")
    finish(rig, [msgspec.structs.replace(orders[0], run=rig.fence.run)])
    assert "duplicates_found" in rig.told()
    assert rig.link(orders[0]).sys_id == first
