"""What is done with an order, given what stands in ServiceNow."""

from typing import Any

import pytest

from common.identity import parse_stamp
from common.model.decision import Outcome
from services.servicenow_writer import verdicts as v
from tests.unit.services.servicenow_writer.writer_orders import PERSON, US, link, order, record, update


def test_create_of_nothing_there() -> None:
    """A create whose keys are free is sent with its marks and its note."""
    verdict = v.judge_create(order(note="Hello"), [], 0)
    assert isinstance(verdict, v.Send)
    assert verdict.fields["sys_id"] == order().sys_id
    assert verdict.fields["correlation_id"] == order().correlation_id
    assert verdict.fields["work_notes"] == "Hello"
    stamp = parse_stamp(verdict.fields["correlation_display"])
    assert stamp is not None
    assert (stamp.seq, stamp.members, stamp.digest) == (1, 2, "0000abcd")


def test_create_waits_for_an_unsettled_attempt() -> None:
    """An attempt that may still be carried out is not repeated."""
    assert v.judge_create(order(), [], 12.0) == v.Wait(12.0)


def test_create_landed_is_found_although_it_waits() -> None:
    """A landed attempt is settled at once, not after the wait."""
    found = record(order())
    assert v.judge_create(order(), [found], 12.0) == v.Landed(found)


def test_create_of_a_ticket_that_is_there() -> None:
    """Another stamp under our correlation_id: the ticket is adopted, not created again."""
    found = record(order(seq=5))
    assert v.judge_create(order(), [found], 0) == v.Adopt(found)


def test_create_uses_the_oldest_of_several() -> None:
    """Of several tickets with our correlation_id the first one stays ours."""
    younger = record(order(), sys_created_on="2026-11-23 03:00:00", sys_id="b" * 32)
    older = record(order(), sys_created_on="2026-11-23 02:00:00", sys_id="c" * 32)
    assert v.judge_create(order(), [younger, older], 0) == v.Landed(older)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (record(order(), correlation_id="someone-else"), "sys_id_taken"),
        ({"sys_id": order().sys_id}, "key_column_unreadable"),
    ],
)
def test_create_refused(found: dict[str, str], reason: str) -> None:
    """A foreign record under our sys_id, or one whose key can't be read, is a matter for a person."""
    verdict = v.judge_create(order(), [found], 0)
    assert isinstance(verdict, v.Refuse)
    assert verdict.reason == reason


CHANGED = v.Leave(Outcome.UNCHANGED, "changed_meanwhile", dirty=True)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"state": "2"}, CHANGED),
        ({"state": "7"}, CHANGED),
        ({"correlation_display": "isthmus.v1.2.9.0000ffff.--------"}, CHANGED),
        ({"correlation_display": "isthmus.v1.9.2.0000abcd.--------"}, CHANGED),
    ],
    ids=["moved", "closed", "another_second", "overtaken"],
)
def test_update_of_a_changed_ticket(changes: dict[str, str], verdict: v.Verdict) -> None:
    """Nothing is written over what somebody did since the decision."""
    found = {**record(order()), **changes}
    assert v.judge_update(update(), found, link(), 0, US) == verdict


def test_update_of_a_closed_ticket_whose_state_was_expected() -> None:
    """Closed and canceled tickets are never written to, whatever the order says (promise 6)."""
    found = record(order(), state="8")
    assert v.judge_update(update(expect_state="8"), found, link(), 0, US) == CHANGED


def test_update_absent() -> None:
    """A ticket that was not found is a question, not an answer."""
    assert v.judge_update(update(), None, link(), 0, US) == v.Absent()


def test_update_sent() -> None:
    """The stamp keeps the digests of fields that are not sent this time."""
    verdict = v.judge_update(update(note="News"), record(order()), link(), 0, US)
    assert isinstance(verdict, v.Send)
    stamp = parse_stamp(verdict.fields["correlation_display"])
    assert stamp is not None
    assert stamp.seq == 2
    assert stamp.fields["urgency"] == link().wrote["urgency"]
    assert set(verdict.fields) == {"short_description", "correlation_display", "work_notes"}


def test_update_landed() -> None:
    """The stamp of this very order on the ticket settles it, during a wait as well."""
    found = record(update(), link())
    assert v.judge_update(update(), found, link(), 30, US) == v.Landed(found)


def test_update_with_unsettled_note_waits() -> None:
    """A note that may still land is not sent again."""
    assert v.judge_update(update(note="x"), record(order()), link(), 30, US) == v.Wait(30)


@pytest.mark.parametrize(
    ("state", "landed"), [("6", True), ("7", True), ("1", False)], ids=["moved", "moved_on", "not_moved"]
)
def test_resolve_with_an_equal_stamp(state: str, landed: bool) -> None:
    """Another run's order may bear the same stamp: the state tells whether this one was carried out."""
    resolve = update(kind="resolve", fields={"state": "6"})
    found = record(resolve, link(), state=state)
    verdict = v.judge_update(resolve, found, link(), 0, US)
    assert isinstance(verdict, v.Landed) is landed


def edited(by: str, **values: str) -> dict[str, str]:
    return {**record(order()), "sys_updated_by": by, **values}


@pytest.mark.parametrize(
    ("found", "sent"),
    [
        (edited(PERSON, short_description="Mine"), {"urgency"}),
        (edited(PERSON), {"short_description", "urgency"}),
        (edited(US, short_description="FIX IT"), {"short_description", "urgency"}),
        (edited(PERSON, short_description="Fix it now"), {"short_description", "urgency"}),
    ],
    ids=["edited", "touched_elsewhere", "business_rule", "same_value"],
)
def test_edited_fields_stay(found: dict[str, str], sent: set[str]) -> None:
    """A person's field is left out of the PATCH; what a rule did as our user is not a person's."""
    wanted = update(fields={"short_description": "Fix it now", "urgency": "1"})
    verdict = v.judge_update(wanted, found, link(), 0, US)
    assert isinstance(verdict, v.Send)
    assert set(verdict.fields) - {"correlation_display"} == sent


def test_edited_before_it_settled() -> None:
    """Between our write and the first poll what we wrote is the base."""
    found = edited(PERSON, short_description="Mine")
    verdict = v.judge_update(update(), found, link(base={}), 0, US)
    assert isinstance(verdict, v.Leave)
    assert (verdict.reason, set(verdict.kept)) == ("edited_by_person", {"short_description"})


def test_hidden_columns_are_unknown() -> None:
    """Columns that can't be read don't count as changed."""
    found: dict[str, Any] = {"sys_id": order().sys_id, "correlation_id": order().correlation_id}
    assert isinstance(v.judge_update(update(), found, link(), 0, US), v.Send)
