"""observe: what a ticket says, by value, whoever wrote it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from common.identity import Stamp, correlation_id, field_digest, footer, sys_id_of
from common.model.link import Link
from services.mapper.observe import Observed, observe
from services.mapper.observe_record import unix_seconds
from tests.worlds import GROUP_FACTS, GROUP_VALUES

US = "isthmus.integration"
NOW = 1_800_000_000
IDENTITY = correlation_id("contoso", "incident", GROUP_FACTS.identity, 2)
FOOTER = footer("contoso", "one", 2, [(d, v, "Endpoint protection") for d, v in GROUP_VALUES])
FIELDS = {
    "short_description": "Endpoint protection",
    "description": f"12 affected\n{FOOTER}",
    "impact": "2",
    "urgency": "2",
}
DIGESTS = {name: field_digest(value) for name, value in FIELDS.items()}


def stamp(seq: int = 5, **fields: str) -> str:
    digests = {**DIGESTS, **{name: field_digest(value) for name, value in fields.items()}}
    return Stamp(seq, 12, "0000abcd", digests).text()


def link(**changes: Any) -> Link:
    """A settled link, two seconds before the record was read."""
    made = Link(
        "incident", sys_id_of(IDENTITY), "INC1", 2, 5, "one", wrote=dict(DIGESTS), base=dict(DIGESTS),
        mod_count=3, facts="f", members=12,
    )  # fmt: skip
    return replace(made, **changes)


def record(**changes: str) -> dict[str, str]:
    """The record as our last write left it."""
    return {
        "sys_id": sys_id_of(IDENTITY),
        "number": "INC1",
        "state": "1",
        "active": "true",
        "sys_mod_count": "3",
        "sys_created_on": "2026-11-20 01:00:00",
        "sys_updated_on": "2026-11-23 01:00:00",
        "sys_updated_by": US,
        "correlation_id": IDENTITY,
        "correlation_display": stamp(),
        "assigned_to": "",
        "assignment_group": "",
        "hold_reason": "",
        "close_code": "",
        **FIELDS,
        **changes,
    }


def see(known: Link | None, **changes: str) -> Observed:
    return observe(known, record(**changes), US, NOW)


def the(observed: Observed) -> Link:
    assert observed.link is not None
    return observed.link


def test_our_own_write_is_no_news() -> None:
    """The echo of what we wrote changes nothing."""
    assert see(link()) == Observed(link(updated_on="2026-11-23 01:00:00"))


# --- who closed it


@pytest.mark.parametrize(("state", "active"), [("6", "true"), ("7", "false"), ("8", "false")])
def test_a_person_closes_the_ticket(state: str, active: str) -> None:
    """Resolved, closed or canceled by somebody else: remembered with the time, and decided again."""
    seen = see(
        link(), state=state, active=active, sys_updated_by="anna", sys_mod_count="4", close_code="Duplicate"
    )
    assert (the(seen).state, the(seen).closed_by_person, the(seen).resolved_at) == (state, True, NOW)
    assert the(seen).close_code == "Duplicate"
    assert seen.dirty
    assert "state" in seen.news


def test_auto_close_is_not_a_persons_word() -> None:
    """What we resolved and the instance closed later was still closed by us."""
    ours = link(state="6", resolved_at=NOW - 9, close_code="Solution provided")
    seen = see(ours, state="7", active="false", sys_updated_by="system", close_code="Solution provided")
    assert (the(seen).state, the(seen).closed_by_person, the(seen).resolved_at) == ("7", False, NOW - 9)


def test_a_person_reopens() -> None:
    """The time of the resolve is kept: it tells decide that somebody wants the ticket open."""
    seen = see(link(state="6", resolved_at=NOW - 9), state="2", sys_updated_by="anna")
    assert (the(seen).state, the(seen).closed_by_person, the(seen).resolved_at) == ("2", False, NOW - 9)
    assert seen.dirty


def test_assignment_and_hold_are_news() -> None:
    """Who works on it, and why it waits, decide whether it may be resolved."""
    seen = see(link(), state="3", hold_reason="1", assigned_to="a" * 32, sys_updated_by="anna")
    assert (the(seen).assigned, the(seen).hold_reason) == (True, "1")
    assert set(seen.news) == {"state", "assigned", "hold_reason"}


def test_fields_that_were_not_read_change_nothing() -> None:
    """A record read with few columns keeps what the link knows."""
    known = link(assigned=True, hold_reason="4", close_code="x")
    seen = observe(known, {"sys_id": "x", "sys_mod_count": "4"}, US, NOW)
    assert (the(seen), seen.news, seen.dirty) == (replace(known, mod_count=4), (), False)


# --- edits, by value


def test_a_persons_edit_makes_the_field_theirs() -> None:
    """A value that differs from the base, written by somebody else: edited, and not decided again for it."""
    seen = see(link(), short_description="PLEASE HURRY", sys_updated_by="anna", sys_mod_count="4")
    assert (the(seen).edited, seen.news, seen.dirty) == (
        ("short_description",),
        ("short_description",),
        False,
    )
    again = observe(seen.link, record(short_description="PLEASE HURRY", sys_updated_by="anna"), US, NOW)
    assert again.news == ()


def test_a_rule_that_rewrites_as_our_user_is_given_up_at_the_second_time() -> None:
    """A business rule as our user re-bases once; twice, and the field is given up."""
    first = see(link(), description="REWRITTEN", sys_mod_count="4")
    assert (the(first).rewrites, the(first).given_up, the(first).edited) == ({"description": 1}, (), ())
    second = observe(first.link, record(description="AGAIN", sys_mod_count="5"), US, NOW)
    assert the(second).given_up == ("description",)
    assert the(second).edited == ()


def test_the_first_poll_settles_what_the_instance_made_of_our_value() -> None:
    """A rule that upper-cases our value is no tug of war: its result becomes the base."""
    unsettled = link(base={k: v for k, v in DIGESTS.items() if k != "short_description"})
    seen = see(unsettled, short_description="ENDPOINT PROTECTION")
    assert (seen.news, the(seen).edited, the(seen).rewrites) == ((), (), {})
    assert the(seen).base["short_description"] == field_digest("ENDPOINT PROTECTION")
    assert the(seen).wrote == DIGESTS


def test_an_edit_before_the_first_poll_is_still_an_edit() -> None:
    """Somebody else's value is not taken for a settled one."""
    seen = see(link(base={}), short_description="mine now", sys_updated_by="anna")
    assert the(seen).edited == ("short_description",)


# --- other writes of ours


def test_a_late_writer_is_exposed_by_its_sequence() -> None:
    """A stamp that went backwards: decide again, and write every field anew with a higher sequence."""
    seen = see(
        link(),
        correlation_display=stamp(4, short_description="old"),
        short_description="old",
        sys_mod_count="4",
    )
    assert seen.news == ("late_writer",)
    assert seen.dirty
    assert (the(seen).seq, the(seen).wrote, the(seen).facts) == (5, {}, "")


def test_a_late_writer_that_reopened_a_resolved_ticket_is_no_person() -> None:
    """The resolve is decided again."""
    known = link(state="6", resolved_at=NOW - 9)
    seen = see(known, state="2", correlation_display=stamp(4), sys_mod_count="4")
    assert (the(seen).state, the(seen).resolved_at) == ("2", 0)


def test_a_record_read_before_our_write_tells_nothing() -> None:
    """A page that was read while the writer wrote is not a late writer."""
    known = link(seq=6, mod_count=4)
    assert see(known) == Observed(known)


def test_a_write_whose_answer_was_lost_is_taken_over() -> None:
    """A higher sequence than the link's is our own write: its state is not a person's."""
    seen = see(
        link(),
        state="6",
        correlation_display=stamp(6, description="new"),
        description="new",
        sys_mod_count="4",
    )
    assert (seen.news[0], the(seen).seq, the(seen).closed_by_person) == ("unsettled_write", 6, False)
    assert (the(seen).wrote["description"], the(seen).edited) == (field_digest("new"), ())


def test_a_person_who_takes_our_mark_off_detaches_the_ticket() -> None:
    """Without our correlation_id, or with another tool's, the ticket is left alone."""
    assert the(see(link(), correlation_id="")).detached
    assert the(see(link(), correlation_id="SENTINEL-1", sys_updated_by="x")).detached


# --- rebuild


def test_rebuild_from_the_ticket_alone() -> None:
    """Table, rule, group, generation, sequence and what we last wrote come back from the marks."""
    seen = see(None)
    got = the(seen)
    assert (got.table, got.sys_id, got.number, got.generation, got.seq) == (
        "incident",
        sys_id_of(IDENTITY),
        "INC1",
        2,
        5,
    )
    assert (got.rule, got.wrote, got.base, got.edited, got.members) == ("one", DIGESTS, DIGESTS, (), 12)
    assert got.created_at == unix_seconds("2026-11-20 01:00:00")
    assert seen.facts == GROUP_FACTS
    assert seen.dirty


def test_rebuild_tells_whether_a_person_edited_since() -> None:
    """The stamp's digests against the present values (promise 5)."""
    seen = see(None, urgency="1", sys_updated_by="anna")
    assert (the(seen).edited, the(seen).base["urgency"]) == (("urgency",), field_digest("1"))
    settled = see(None, short_description="ENDPOINT PROTECTION")
    assert the(settled).edited == ()


def test_rebuild_without_stamp_overwrites_nothing() -> None:
    """Where nobody can tell who wrote what, every field counts as a person's."""
    seen = see(None, correlation_display="hello")
    assert the(seen).edited == ("description", "impact", "short_description", "urgency")
    assert seen.news == ("stamp_lost",)


@pytest.mark.parametrize("text", ["no footer", FOOTER.replace("rule=one", "rule=two")])
def test_rebuild_without_its_footer(text: str) -> None:
    """A removed or changed footer is not believed; the group is still known by its correlation_id."""
    seen = see(None, description=text, sys_updated_by="anna")
    assert (seen.facts, the(seen).rule) == (None, "")


def test_rebuild_of_a_closed_ticket() -> None:
    """Who closed it and when is taken from the record."""
    closed = see(None, state="6", sys_updated_by="anna", resolved_at="2026-11-22 10:00:00")
    assert (the(closed).closed_by_person, the(closed).resolved_at) == (
        True,
        unix_seconds("2026-11-22 10:00:00"),
    )
    assert not the(see(None, state="6")).closed_by_person


def test_foreign_records_are_not_ours() -> None:
    """Only our correlation_id makes a link."""
    assert see(None, correlation_id="Sentinel-123") == Observed(None)


# --- for every record

values = st.sampled_from(["a", "b", "Endpoint protection", "2", "1", ""])
records = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["1", "2", "3", "6", "7", "8", "x", ""]),
        "active": st.sampled_from(["true", "false"]),
        "sys_mod_count": st.sampled_from(["2", "3", "9", "", "x"]),
        "sys_updated_by": st.sampled_from([US, "anna", ""]),
        "correlation_id": st.sampled_from([IDENTITY, "", "Sentinel-1"]),
        "correlation_display": st.sampled_from([stamp(), stamp(4), stamp(6, urgency="1"), "junk", ""]),
        "assigned_to": st.sampled_from(["", "a" * 32]),
        **dict.fromkeys(FIELDS, values),
    },
)
links = st.builds(
    link,
    state=st.sampled_from(["1", "2", "6", "7"]),
    base=st.sampled_from([DIGESTS, {}]),
    edited=st.sampled_from([(), ("urgency",)]),
    closed_by_person=st.booleans(),
)


@settings(max_examples=500, deadline=None)
@given(links, records)
def test_observing_twice_brings_no_news(known: Link, changes: dict[str, str]) -> None:
    """The second look at an unchanged record finds nothing new, apart from a stamp that still lags behind."""
    first = see(known, **changes)
    second = observe(first.link, record(**changes), US, NOW + 60)
    assert set(second.news) <= {"late_writer"}
    if not second.dirty:
        assert second.link == first.link


@settings(max_examples=500, deadline=None)
@given(links, records)
def test_what_is_theirs_stays_theirs(known: Link, changes: dict[str, str]) -> None:
    """Edited fields are never taken back, the sequence never falls, and sys_id and generation stay."""
    after = the(see(known, **changes))
    assert set(known.edited) <= set(after.edited)
    assert after.seq >= known.seq
    assert (after.sys_id, after.generation, after.table) == (known.sys_id, known.generation, known.table)


@settings(max_examples=300, deadline=None)
@given(records)
def test_a_rebuilt_link_agrees_with_its_ticket(changes: dict[str, str]) -> None:
    """Looking at the same record with the link that was rebuilt from it brings no news."""
    first = see(None, **changes)
    if first.link is not None:
        assert observe(first.link, record(**changes), US, NOW).news == ()
