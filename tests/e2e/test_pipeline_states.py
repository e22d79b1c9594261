"""The state is moved by people and by us: what each does to the other's moves, over the whole pipeline."""

from collections.abc import Iterator

import pytest

from common.model.decision import Outcome
from tests.stack import Stack
from tests.stack_running import Kept
from tests.stack_witness import Key, Record


def _begin(stack: Stack) -> None:
    stack.go_live()
    stack.assert_right()


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    one = Kept(_begin, findings=1200)
    yield one
    one.stop()


@pytest.fixture
def live(kept: Kept, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A live connection whose tickets are right; each test takes groups of its own that are still open."""
    with kept.use(request) as stack:
        yield stack


def _group(live: Stack, at_least: int = 2) -> Key:
    """An open, untouched group."""
    live.witness()
    members = live.members()
    fresh = {live.witnesses["demo"].key_of(ticket) for ticket in live.open_tickets() if _new(ticket)}
    some = [key for key in members if len(members[key]) >= at_least and key in fresh]
    return max(some, key=lambda key: (len(members[key]), key))


def _new(ticket: Record) -> bool:
    return ticket["state"] == "1" and ticket["sys_mod_count"] == "0"


def _fix(live: Stack, key: Key) -> list[str]:
    ids = [row["id"] for row in live.members()[key]]
    live.azure("fix", ids=ids)
    return ids


def _quiet(live: Stack) -> None:
    """Two more syncs write nothing, and all is right."""
    written = live.writes()
    for _ in range(2):
        again = live.sync()
        assert again.balanced, again
    assert live.writes() == written
    live.assert_right()


def test_a_ticket_resolved_by_a_person_is_reopened_while_findings_are_open(live: Stack) -> None:
    """The rule asks for no waiting time here: state 2 with a note that says why; the same ticket."""
    key = _group(live)
    sys_id = live.ticket_of(key)["sys_id"]
    live.person("resolve", sys_id=sys_id)
    synced = live.sync()
    assert synced.groups.reasons["reopened:still_unhealthy"] == 1, synced
    assert (live.ticket_of(key)["sys_id"], live.ticket_of(key)["state"]) == (sys_id, "2")
    assert live.notes(sys_id)
    _quiet(live)


def test_a_ticket_that_a_person_reopened_after_our_resolve_stays_open(live: Stack) -> None:
    """All is fixed, and somebody wants it open: never a second resolve for the same fix."""
    key = _group(live)
    ids = _fix(live, key)
    assert live.sync().groups.reasons["resolved:fixed"] == 1
    sys_id = live.ticket_of(key)["sys_id"]
    live.person("reopen", sys_id=sys_id)
    synced = live.sync()
    assert synced.groups.reasons["unchanged:reopened_by_person"] == 1, synced
    assert live.sync().balanced
    assert live.ticket(sys_id)["state"] == "2"
    live.azure("unfix", ids=ids)  # so that the witness, too, finds it open for a reason
    assert live.sync().balanced
    _quiet(live)


@pytest.mark.parametrize(("hold_reason", "ends"), [("1", "3"), ("4", "6")], ids=["caller", "vendor"])
def test_a_ticket_on_hold_moves_only_where_a_fix_ends_the_wait(
    live: Stack, hold_reason: str, ends: str
) -> None:
    """Awaiting the caller: one note, and it stays. Awaiting a vendor: the fix ends the wait."""
    key = _group(live)
    sys_id = live.ticket_of(key)["sys_id"]
    live.person("edit", sys_id=sys_id, fields={"state": "3", "hold_reason": hold_reason})
    if ends == "6":  # the instance empties the reason when the wait ends
        live.witnesses["demo"].edited(sys_id, {"state": ends, "hold_reason": ""})
    ids = _fix(live, key)
    for _ in range(2):
        assert live.sync().balanced
    assert live.ticket(sys_id)["state"] == ends
    notes = live.notes(sys_id)
    assert len(notes) == (1 if ends == "3" else 0), notes
    if ends == "3":
        live.azure("unfix", ids=ids)
        live.sync()
        assert live.ticket(sys_id)["state"] == "3"
    _quiet(live)


def test_a_person_who_works_on_it_may_resolve_it_together_with_us(live: Stack) -> None:
    """A person resolved what Azure reports fixed: their code and notes stay, nothing is written."""
    key = _group(live)
    sys_id = live.ticket_of(key)["sys_id"]
    _fix(live, key)
    live.person("resolve", sys_id=sys_id, fields={"close_notes": "Patched last night."})
    count = live.ticket(sys_id)["sys_mod_count"]
    synced = live.sync()
    assert synced.count(Outcome.RESOLVED) == synced.count(Outcome.UPDATED) == 0, synced
    now = live.ticket(sys_id)
    assert (now["close_notes"], now["sys_mod_count"]) == ("Patched last night.", count)
    _quiet(live)


def test_what_a_person_closed_comes_back_as_a_successor_only(live: Stack) -> None:
    """Closed (7) stays closed for ever; its findings get one new ticket that names it, once."""
    key = _group(live)
    sys_id = live.ticket_of(key)["sys_id"]
    live.person("close", sys_id=sys_id)
    synced = live.sync()
    assert synced.groups.reasons["created:regression_closed"] == 1, synced
    _fix(live, key)
    assert live.sync().groups.reasons["resolved:fixed"] == 1
    assert live.ticket(sys_id)["state"] == "7"
    assert live.ticket_of(key)["parent_incident"] == sys_id
    _quiet(live)
