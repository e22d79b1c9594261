"""decide when nothing is open any more: the rows of the table of events on resolves."""

from typing import Any

import pytest
from msgspec.structs import replace

from common.model.decision import Kind
from services.mapper.decide import Context, decide
from services.mapper.decide_case import close_code
from tests.decisions import CLEAR, CODES, DAY, HOUR, LEGACY, NOW, OPEN, RULE, run, ticket
from tests.worlds import GROUP_FACTS, aggregate, rule


@pytest.mark.parametrize(
    ("counts", "reason", "code"),
    [
        ({"healthy": 3}, "fixed", "Solution provided"),
        ({"gone": 3}, "gone", "No resolution provided"),
        ({"healthy": 2, "gone": 1}, "fixed_and_gone", "Solution provided"),
        ({"mitigated": 1}, "mitigated", "Workaround provided"),
        ({"healthy": 2, "mitigated": 1}, "mitigated", "Workaround provided"),
    ],
)
def test_resolve(counts: dict[str, Any], reason: str, code: str) -> None:
    """All clear and quiet: state 6 with the close code that claims no more than is known."""
    decision = run(aggregate(**counts), ticket(aggregate(open=sum(counts.values()))), CLEAR)
    assert (decision.kind, decision.reason) == (Kind.RESOLVE, reason)
    assert decision.fields == {"state": "6", "close_code": code}


def test_members_that_nobody_knows_any_more_are_no_evidence() -> None:
    """After a loss of Redis a group with fewer members than its ticket was written with is not resolved."""
    decision = run(aggregate(healthy=2), ticket(aggregate(open=3)), CLEAR)
    assert (decision.kind, decision.reason) == (Kind.HELD, "evidence_lost")


def test_close_codes_of_the_instance() -> None:
    """Legacy values are taken where the new ones are not offered, in the instance's own spelling."""
    group = aggregate(healthy=1)
    legacy = run(group, ticket(aggregate(open=1)), CLEAR, close_codes=LEGACY)
    assert legacy.fields["close_code"] == "Solved (Permanently)"
    none = run(group, ticket(aggregate(open=1)), CLEAR, close_codes=("Done",))
    assert (none.kind, none.reason) == (Kind.HELD, "no_close_code")
    own = rule("resolve: {codes: {solution: [Done]}}")
    assert run(group, ticket(group, own), CLEAR, own, close_codes=("Done",)).kind is Kind.RESOLVE
    assert close_code(("solution provided",), ("Solution Provided",)) == "Solution Provided"


def test_quiet_period() -> None:
    """Clear for less than `quiet`: wait, and come back when it is over."""
    decision = run(aggregate(healthy=1), ticket(aggregate(open=1)), OPEN)
    assert (decision.kind, decision.reason, decision.revisit_at) == (
        Kind.UNCHANGED,
        "quiet_period",
        NOW + DAY,
    )
    assert (decision.memo.clear_since, decision.memo.open_since) == (NOW, 0)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({"healthy": 2, "off": 1}, "not_applicable"),
        ({"lost": 1}, "evidence_lost"),
        ({"healthy": 2, "lost": 1, "missing": 1}, "evidence_lost"),
        ({"missing": 3}, "unconfirmed"),
        ({"waived": 1, "missing": 1}, "unconfirmed"),
        ({}, "evidence_lost"),
    ],
)
def test_absence_is_no_evidence(counts: dict[str, Any], reason: str) -> None:
    """Not applicable, lost or merely absent members hold the ticket; no clock starts."""
    decision = run(aggregate(**counts), ticket(aggregate(open=sum(counts.values()))), OPEN)
    assert (decision.kind, decision.reason, decision.memo.clear_since) == (Kind.HELD, reason, 0)


def test_gone_can_be_held() -> None:
    """A rule may ask a person about resources that no longer exist."""
    own = rule("resolve: {gone: hold}")
    assert run(aggregate(gone=1), ticket(aggregate(open=1), own), CLEAR, own).reason == "resource_gone"


def test_assigned_ticket_is_told_and_resolved_after_72_hours() -> None:
    """In progress and assigned: a note first, three days later the resolve."""
    group = aggregate(healthy=3)
    link = ticket(aggregate(open=3), state="2", assigned=True)
    first = run(group, link, CLEAR)
    assert (first.kind, first.reason, first.revisit_at) == (Kind.NOTE, "assigned", NOW + 72 * HOUR)
    assert first.events == ("assigned",)
    context = Context(close_codes=CODES)
    second = decide(group, GROUP_FACTS, link, first.memo, RULE, NOW + HOUR, context)
    assert (second.kind, second.revisit_at) == (Kind.UNCHANGED, NOW + 72 * HOUR)
    third = decide(group, GROUP_FACTS, link, first.memo, RULE, NOW + 72 * HOUR, context)
    assert (third.kind, third.reason) == (Kind.RESOLVE, "fixed")


@pytest.mark.parametrize(
    ("setting", "kinds"),
    [("at_once", (Kind.RESOLVE, Kind.RESOLVE)), ("never", (Kind.NOTE, Kind.UNCHANGED))],
)
def test_assigned_as_the_rule_says(setting: str, kinds: tuple[Kind, Kind]) -> None:
    """at_once resolves; never notes once and leaves it to the assignee."""
    own = rule(f"resolve: {{assigned: {setting}}}")
    link = ticket(aggregate(open=3), own, state="2", assigned=True)
    first = run(aggregate(healthy=3), link, CLEAR, own)
    later = decide(
        aggregate(healthy=3), GROUP_FACTS, link, first.memo, own, NOW + 99 * DAY, Context(close_codes=CODES)
    )
    assert (first.kind, later.kind) == kinds


@pytest.mark.parametrize(("state", "assigned"), [("2", False), ("1", True)])
def test_nobody_is_working_on_it(state: str, assigned: bool) -> None:
    """Only in progress and assigned counts as being worked on."""
    link = ticket(aggregate(open=3), state=state, assigned=assigned)
    assert run(aggregate(healthy=3), link, CLEAR).kind is Kind.RESOLVE


@pytest.mark.parametrize(
    ("hold_reason", "kind"),
    [("3", Kind.RESOLVE), ("4", Kind.RESOLVE), ("5", Kind.RESOLVE), ("1", Kind.NOTE), ("", Kind.NOTE)],
)
def test_on_hold(hold_reason: str, kind: Kind) -> None:
    """A fix ends the wait for problem, vendor or change, not a question to the caller."""
    link = ticket(aggregate(open=3), state="3", hold_reason=hold_reason)
    decision = run(aggregate(healthy=3), link, CLEAR)
    assert decision.kind is kind
    again = decide(
        aggregate(healthy=3),
        GROUP_FACTS,
        link,
        decision.memo,
        RULE,
        NOW + 9 * DAY,
        Context(close_codes=CODES),
    )
    assert again.kind is (Kind.UNCHANGED if kind is Kind.NOTE else Kind.RESOLVE)


def test_waiver_is_noted_then_resolved_if_nobody_took_it() -> None:
    """Risk accepted: note, open for another day, then resolved without a resolution."""
    group, link, context = (
        aggregate(waived=1, healthy=2),
        ticket(aggregate(open=3)),
        Context(close_codes=CODES),
    )
    first = run(group, link, CLEAR)
    assert (first.kind, first.reason, first.revisit_at) == (Kind.NOTE, "waived", NOW + DAY)
    later = decide(group, GROUP_FACTS, link, first.memo, RULE, NOW + DAY, context)
    assert (later.kind, later.fields["close_code"]) == (Kind.RESOLVE, "No resolution provided")
    taken = decide(group, GROUP_FACTS, replace(link, assigned=True), first.memo, RULE, NOW + DAY, context)
    assert (taken.kind, taken.reason) == (Kind.UNCHANGED, "waived")


def test_resolve_off() -> None:
    """`resolve.on: never` tells once and leaves the ticket open."""
    own = rule("resolve: {on: never}")
    link = ticket(aggregate(open=1), own)
    first = run(aggregate(healthy=1), link, CLEAR, own)
    assert (first.kind, first.reason) == (Kind.NOTE, "resolve_off")
    assert run(aggregate(healthy=1), link, first.memo, own).kind is Kind.UNCHANGED


def test_a_person_who_reopens_a_fixed_ticket_is_obeyed() -> None:
    """After our resolve in this clear period an open ticket means that somebody wants it open."""
    link = ticket(aggregate(open=1), state="2", resolved_at=NOW - DAY)
    assert run(aggregate(healthy=1), link, CLEAR).reason == "reopened_by_person"
    earlier = replace(link, resolved_at=NOW - 9 * DAY)
    assert run(aggregate(healthy=1), earlier, CLEAR).kind is Kind.RESOLVE
