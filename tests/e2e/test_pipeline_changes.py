"""What happens in Azure and what people do, seen on the tickets one sync later."""

from collections.abc import Iterable

from common.model.decision import Outcome
from tests.stack import Stack
from tests.stack_rules import Row
from tests.stack_witness import Key

pytest_plugins = ["tests.e2e.pipeline_fixtures"]


def _ids(rows: Iterable[Row]) -> list[str]:
    return [row["id"] for row in rows]


def _largest(live: Stack, rule: str, count: int) -> list[Key]:
    """The groups of a rule with most open findings."""
    members = live.members()
    some = sorted((key for key in members if key[0] == rule), key=lambda key: (-len(members[key]), key))
    assert len(some) >= count, f"only {len(some)} groups of {rule}"
    return some[:count]


def test_what_azure_reports_fixed_is_resolved_and_a_part_of_it_is_told(live: Stack) -> None:
    """All Healthy: state 6 with the code for a solution; some Healthy: the ticket stays open with a note."""
    whole, part = _largest(live, "severity-high", 2)
    members = live.members()
    assert len(members[part]) > 1
    live.azure("fix", ids=_ids(members[whole]))
    live.azure("fix", ids=_ids(members[part][:1]))

    synced = live.sync()

    assert synced.balanced, synced
    assert synced.groups.reasons["resolved:fixed"] == 1, synced
    assert synced.groups.reasons["updated:part_fixed"] == 1, synced
    resolved, told = live.ticket_of(whole), live.ticket_of(part)
    assert (resolved["state"], resolved["close_code"]) == ("6", "Solution provided")
    assert "healthy" in resolved["close_notes"]
    assert told["state"] == "1"
    assert any("Progress: 1 of" in note for note in live.notes(told["sys_id"]))
    live.assert_right()


def test_findings_that_come_back_reopen_their_ticket(live: Stack) -> None:
    """A regression brings a resolved ticket back to 2, the same ticket."""
    (key,) = _largest(live, "severity-high", 1)
    ids = _ids(live.members()[key])
    live.azure("fix", ids=ids)
    live.sync()
    live.assert_right()
    live.azure("unfix", ids=ids)

    synced = live.sync()

    assert synced.groups.reasons["reopened:regression"] == 1, synced
    assert live.ticket_of(key)["state"] == "2"
    assert live.simulator.ledger()["records"] == len(live.due())
    live.assert_right()


def test_a_deleted_resource_is_resolved_as_gone_when_azure_was_asked_again(live: Stack) -> None:
    """The missing ids are asked for once more; then it is resolved without a claim of a fix."""
    (key,) = _largest(live, "severity-high", 1)
    resources = sorted({row["resource"] for row in live.members()[key]})
    live.azure("delete_resource", ids=resources)
    asked = live.simulator.barrier("arg.query", "before", match="id in~")

    run = live.ask("live")
    live.simulator.wait_held(asked)
    assert live.ticket_of(key)["state"] == "1", "resolved before Azure was asked again"
    live.simulator.release(asked)
    synced = live.finish(run)

    assert synced.groups.reasons["resolved:gone"] >= 1, synced
    ticket = live.ticket_of(key)
    assert (ticket["state"], ticket["close_code"]) == ("6", "No resolution provided")
    live.assert_right()


def test_new_and_worse_findings_reach_the_tickets_they_belong_to(live: Stack) -> None:
    """New findings join or make tickets; a finding that gets worse stays with its ticket (promise 9)."""
    before = {key: len(rows) for key, rows in live.members().items()}
    worse = [row for rows in live.members().values() for row in rows if row["risk"] not in (None, "Critical")]
    live.azure("raise_risk", ids=_ids(worse[:10]))
    live.azure("new_finding", count=30, seed=5)

    synced = live.sync()

    assert synced.balanced, synced
    live.assert_right()
    assert synced.count(Outcome.CREATED) == len(live.members().keys() - before.keys()) > 0, synced
    written = live.writes()
    assert live.sync().status == "complete"
    assert live.writes() == written


def test_a_persons_words_are_kept(live: Stack) -> None:
    """An edited short description stays, though the facts of the ticket change again and again."""
    (key,) = _largest(live, "severity-high", 1)
    sys_id = live.ticket_of(key)["sys_id"]
    words = {"short_description": "Mine: ask the platform team first"}
    live.person("edit", sys_id=sys_id, fields=words)
    members = live.members()[key]
    for member in members[:2]:
        live.azure("fix", ids=[member["id"]])
        synced = live.sync()
        assert synced.balanced, synced
        assert synced.count(Outcome.UPDATED) == 1, synced
    assert live.ticket(sys_id)["short_description"] == words["short_description"]
    live.assert_right()


def test_what_people_end_is_succeeded_left_or_held(live: Stack) -> None:
    """Closed while unhealthy: a successor that names it. Canceled: left alone. Deleted: held."""
    closed, canceled, deleted = _largest(live, "severity-high", 3)
    ids = {key: live.ticket_of(key)["sys_id"] for key in (closed, canceled, deleted)}
    live.person("close", sys_id=ids[closed])
    live.person("cancel", sys_id=ids[canceled])
    live.person("delete", sys_id=ids[deleted])
    for key in (closed, canceled, deleted):
        live.azure("fix", ids=_ids(live.members()[key][:1]))

    synced = live.sync()

    assert synced.balanced, synced
    assert synced.groups.reasons["created:regression_closed"] == 1, synced
    assert synced.groups.reasons["held:deleted_by_person"] == 1, synced
    successor = live.ticket_of(closed)
    assert successor["sys_id"] != ids[closed]
    assert successor["parent_incident"] == ids[closed]
    assert live.ticket(ids[canceled])["state"] == "8"
    live.assert_right()
    written = live.writes()
    assert live.sync().balanced
    assert live.writes() == written
    live.assert_right()
