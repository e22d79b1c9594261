"""decide: each row of the table of events that applies to incidents for recommendations."""

from typing import Any

import pytest
from msgspec.structs import replace

from common.model.decision import Decision, Kind
from common.model.finding import Risk, Severity
from common.model.group import Aggregate, Memo
from common.model.link import Link
from common.rules import EffectiveRule
from services.mapper.decide import Context, Reason, decide, facts_digest
from services.mapper.decide_case import close_code
from tests.worlds import GROUP_FACTS, aggregate, rule

HOUR, DAY = 3600, 86_400
NOW = 1_800_000_000
CODES = ("Duplicate", "No resolution provided", "Solution provided", "User error", "Workaround provided")
LEGACY = ("Solved (Permanently)", "Solved (Work Around)", "Not Solved (Not Reproducible)")
OPEN = Memo(open_since=NOW - 30 * DAY, noted=3)
CLEAR = Memo(clear_since=NOW - 2 * DAY, noted=3)
RULE = rule()


def ticket(group: Aggregate, effective: EffectiveRule = RULE, **changes: Any) -> Link:
    """A ticket of this group that was written with exactly these facts, three days ago."""
    link = Link(
        "incident", "a" * 32, "INC0001", 1, 4, "one", created_at=NOW - 3 * DAY, noted_on=NOW - 3 * DAY,
        facts=facts_digest(group, effective), open=group.open, worst=group.worst, members=group.members,
    )  # fmt: skip
    return replace(link, **changes)


def run(
    group: Aggregate, link: Link | None, memo: Memo, effective: EffectiveRule = RULE, **context: Any
) -> Decision:
    return decide(
        group, GROUP_FACTS, link, memo, effective, NOW, Context(**{"close_codes": CODES, **context})
    )


# --- nothing there yet


def test_create_once_old_enough() -> None:
    """A finding that has been open for min_age becomes a ticket; state is left to the instance."""
    decision = run(aggregate(open=3), None, replace(OPEN, open_since=NOW - DAY))
    assert (decision.kind, decision.reason, decision.generation) == (Kind.CREATE, "new", 1)
    assert decision.fields == {}
    assert decision.memo.noted == 3


def test_too_young_comes_back_on_its_own() -> None:
    """Before min_age it is Skipped, and revisited exactly when it is old enough."""
    first = run(aggregate(open=1), None, Memo())
    assert (first.kind, first.reason, first.revisit_at) == (Kind.SKIPPED, "too_young", NOW + DAY)
    assert first.memo.open_since == NOW
    again = decide(
        aggregate(open=1), GROUP_FACTS, None, first.memo, RULE, first.revisit_at, Context(close_codes=CODES)
    )
    assert again.kind is Kind.CREATE


@pytest.mark.parametrize(
    ("counts", "when", "reason"),
    [
        ({"healthy": 3}, "{}", "nothing_open"),
        ({"waived": 1, "missing": 2}, "{}", "nothing_open"),
        ({"open": 19}, "{affected_at_least: 20}", "below_threshold"),
    ],
)
def test_no_ticket_is_made(counts: dict[str, Any], when: str, reason: str) -> None:
    """Nothing open, or fewer than the rule asks for: Skipped."""
    decision = run(aggregate(**counts), None, OPEN, rule(when=when))
    assert (decision.kind, decision.reason) == (Kind.SKIPPED, reason)


def test_threshold_is_met() -> None:
    """The threshold counts open members."""
    assert run(aggregate(open=20), None, OPEN, rule(when="{affected_at_least: 20}")).kind is Kind.CREATE


def test_other_ticket_types_come_later() -> None:
    """A rule for problems is shown as type_not_yet, whatever else holds."""
    decision = run(aggregate(open=1), None, OPEN, rule("ticket: {type: problem}", "{affected_at_least: 20}"))
    assert (decision.kind, decision.reason) == (Kind.SKIPPED, "type_not_yet")


@pytest.mark.parametrize(
    ("context", "kind", "reason"),
    [
        ({"plan_mode": True}, Kind.SKIPPED, "plan_mode"),
        ({"creates_blocked": Reason.STATE_LOST}, Kind.HELD, "state_lost"),
        ({"creates_blocked": Reason.LINKS_NOT_REBUILT}, Kind.HELD, "links_not_rebuilt"),
        ({"tables": frozenset()}, Kind.HELD, "table_unavailable"),
        ({"plan_mode": True, "creates_blocked": Reason.STATE_LOST}, Kind.SKIPPED, "plan_mode"),
    ],
)
def test_what_the_connection_does_not_allow(context: dict[str, Any], kind: Kind, reason: str) -> None:
    """Creates wait for approval, for the rebuild and for the table; nothing is remembered as told."""
    decision = run(aggregate(open=3), None, replace(OPEN, noted=-1), **context)
    assert (decision.kind, decision.reason, decision.memo.noted) == (kind, reason, -1)


def test_updates_heal_while_creates_wait() -> None:
    """After a loss of Redis only creates are held."""
    before, after = aggregate(open=3), aggregate(open=4)
    decision = run(after, ticket(before), OPEN, creates_blocked=Reason.STATE_LOST)
    assert decision.kind is Kind.UPDATE


# --- open and worked on


def test_unchanged_facts_write_nothing() -> None:
    """Same facts, same rule: Unchanged."""
    group = aggregate(open=3)
    assert run(group, ticket(group), OPEN).reason == "up_to_date"


def test_part_fixed_is_noted() -> None:
    """Fewer open than people were told: update with a note."""
    decision = run(aggregate(open=2, healthy=1), ticket(aggregate(open=3)), OPEN)
    assert (decision.kind, decision.events) == (Kind.UPDATE, ("part_fixed",))
    assert decision.memo.noted == 2


def test_more_affected_is_noted() -> None:
    """More open than people were told: update with a note."""
    decision = run(aggregate(open=5), ticket(aggregate(open=3)), OPEN)
    assert (decision.kind, decision.events) == (Kind.UPDATE, ("more_affected",))


def test_second_note_of_the_day_waits_for_tomorrow() -> None:
    """Facts are kept at once; the note comes with the next day and tells the sum."""
    group = aggregate(open=1, healthy=2)
    today = ticket(aggregate(open=2, healthy=1), noted_on=NOW - 60)
    first = run(group, today, replace(OPEN, noted=2))
    midnight = (NOW // DAY + 1) * DAY
    assert (first.kind, first.events, first.revisit_at) == (Kind.UPDATE, (), midnight)
    written = replace(today, facts=facts_digest(group, RULE), open=1)
    second = decide(group, GROUP_FACTS, written, first.memo, RULE, NOW + 1, Context(close_codes=CODES))
    assert (second.kind, second.reason, second.revisit_at) == (Kind.UNCHANGED, "note_waits", midnight)
    third = decide(group, GROUP_FACTS, written, second.memo, RULE, midnight, Context(close_codes=CODES))
    assert (third.kind, third.reason, third.events) == (Kind.NOTE, "part_fixed", ("part_fixed",))


def test_notes_can_be_switched_off() -> None:
    """With digest: off only the facts are written."""
    quiet = rule("ticket: {notes: {digest: off}}")
    decision = run(aggregate(open=2), ticket(aggregate(open=3), quiet), OPEN, quiet)
    assert (decision.kind, decision.events, decision.revisit_at) == (Kind.UPDATE, (), 0)


def test_a_raised_risk_is_told() -> None:
    """A worse level than the ticket was written with is an event of its own."""
    before = aggregate(Severity.HIGH, Risk.MEDIUM, open=3)
    decision = run(aggregate(Severity.HIGH, Risk.CRITICAL, open=3), ticket(before), OPEN)
    assert decision.events == ("risk_raised",)


def test_a_changed_rule_is_rendered_again() -> None:
    """The rule's hash is part of the facts."""
    group = aggregate(open=3)
    decision = run(group, ticket(group), OPEN, rule("ticket: {disclose: full}"))
    assert (decision.kind, decision.reason) == (Kind.UPDATE, "facts_changed")


def test_after_a_loss_of_redis_no_note_is_made_up() -> None:
    """Without memo and facts nobody knows what people were told: facts only."""
    decision = run(aggregate(open=2), ticket(aggregate(open=3), facts="", open=0, worst=0), Memo())
    assert (decision.kind, decision.events, decision.memo.noted) == (Kind.UPDATE, (), 2)


# --- resolve


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


# --- regression


def test_regression_reopens_a_resolved_ticket() -> None:
    """6 goes back to 2 with a note; the memo counts it."""
    link = ticket(aggregate(healthy=1), state="6", resolved_at=NOW - DAY)
    decision = run(aggregate(open=1), link, CLEAR)
    assert (decision.kind, decision.reason, decision.fields) == (Kind.REOPEN, "regression", {"state": "2"})
    assert (decision.events, decision.memo.reopened) == (("regression",), (NOW,))


def test_regression_of_a_closed_ticket_makes_a_successor() -> None:
    """7 is never touched: generation + 1, with the old one as parent."""
    link = ticket(aggregate(healthy=1), state="7", generation=3)
    decision = run(aggregate(open=1), link, CLEAR)
    assert (decision.kind, decision.reason) == (Kind.CREATE, "regression_closed")
    assert (decision.generation, decision.parent) == (4, link.sys_id)


@pytest.mark.parametrize(
    ("state", "code"), [("8", ""), ("6", "Duplicate"), ("7", "User error"), ("7", "duplicate")]
)
def test_leave_me_alone(state: str, code: str) -> None:
    """Canceled, Duplicate and User error stay as a person left them, for ever."""
    link = ticket(
        aggregate(open=1), state=state, close_code=code, closed_by_person=True, resolved_at=NOW - 99 * DAY
    )
    decision = run(aggregate(open=2), link, OPEN)
    assert (decision.kind, decision.reason) == (Kind.UNCHANGED, "closed_by_person")


def test_a_small_regression_stays_below_the_threshold() -> None:
    """A successor or reopening needs as many open findings as a first ticket."""
    own = rule(when="{affected_at_least: 20}")
    link = ticket(aggregate(healthy=1), own, state="7")
    assert run(aggregate(open=19), link, CLEAR, own).reason == "below_threshold"


def test_flap_brake() -> None:
    """The fourth return within 14 days is held, until the third-last has left the window."""
    returns = (NOW - 9 * DAY, NOW - 5 * DAY, NOW - 3 * DAY)
    link = ticket(aggregate(healthy=1), state="6", resolved_at=NOW - DAY)
    decision = run(aggregate(open=1), link, replace(CLEAR, reopened=returns))
    assert (decision.kind, decision.reason, decision.revisit_at) == (Kind.HELD, "flapping", NOW + 5 * DAY)
    old = (NOW - 20 * DAY, *returns[1:])
    assert run(aggregate(open=1), link, replace(CLEAR, reopened=old)).kind is Kind.REOPEN


def test_one_return_counts_once() -> None:
    """Deciding again before the reopening was written does not count it twice."""
    link = ticket(aggregate(healthy=1), state="6", resolved_at=NOW - DAY)
    first = run(aggregate(open=1), link, CLEAR)
    again = decide(
        aggregate(open=1), GROUP_FACTS, link, first.memo, RULE, NOW + 60, Context(close_codes=CODES)
    )
    assert again.memo.reopened == (NOW + 60,)


@pytest.mark.parametrize("state", ["6", "7"])
def test_closed_while_still_unhealthy(state: str) -> None:
    """A person closed it: Defender gets 48 hours to see the fix, then it comes back."""
    link = ticket(aggregate(open=3), state=state, closed_by_person=True, resolved_at=NOW - 47 * HOUR)
    waiting = run(aggregate(open=3), link, OPEN)
    assert (waiting.reason, waiting.revisit_at) == ("closed_while_unhealthy", NOW + HOUR)
    late = run(aggregate(open=3), replace(link, resolved_at=NOW - 48 * HOUR), OPEN)
    assert late.kind is (Kind.REOPEN if state == "6" else Kind.CREATE)
    assert late.reason == ("still_unhealthy" if state == "6" else "regression_closed")


@pytest.mark.parametrize(
    ("then", "kind", "reason"),
    [("hold", Kind.HELD, "closed_while_unhealthy"), ("leave", Kind.UNCHANGED, "closed_by_person")],
)
def test_closed_while_unhealthy_as_the_rule_says(then: str, kind: Kind, reason: str) -> None:
    """Hold for a person, or leave it closed; a true regression comes back all the same."""
    own = rule(f"closed_while_unhealthy: {{wait: 48h, then: {then}}}")
    link = ticket(aggregate(open=3), own, state="6", closed_by_person=True, resolved_at=NOW - 5 * DAY)
    decision = run(aggregate(open=3), link, OPEN, own)
    assert (decision.kind, decision.reason) == (kind, reason)
    assert run(aggregate(open=3), link, Memo(open_since=NOW - DAY), own).reason == "regression"


# --- taken out of our hands


def test_deleted_and_detached() -> None:
    """Held while something is open, nothing to do when all is clear; never re-created by default."""
    group = aggregate(open=1)
    assert run(group, ticket(group, deleted=True), OPEN).reason == "deleted_by_person"
    assert run(group, ticket(group, detached=True), OPEN).reason == "detached"
    assert run(aggregate(healthy=1), ticket(group, deleted=True), CLEAR).kind is Kind.UNCHANGED
    own = rule("deleted_by_person: successor")
    successor = run(group, ticket(group, own, deleted=True), OPEN, own)
    assert (successor.kind, successor.generation, successor.parent) == (Kind.CREATE, 2, "")


@pytest.mark.parametrize("counts", [{"open": 1}, {"healthy": 1}])
def test_unknown_states_are_held(counts: dict[str, Any]) -> None:
    """A state that the table does not name is never silent."""
    link = ticket(aggregate(open=2), state="10")
    assert run(aggregate(**counts), link, CLEAR).reason == "unmapped_state"


def test_a_rule_that_became_a_skip_rule_keeps_its_tickets() -> None:
    """An open ticket is still resolved; only new ones are not made."""
    own = rule()
    skipping = own.model_copy(update={"skip": "not_ours"})
    assert run(aggregate(open=1), None, OPEN, skipping).reason == "not_ours"
    assert run(aggregate(healthy=1), ticket(aggregate(open=1), own), CLEAR, skipping).kind is Kind.RESOLVE
