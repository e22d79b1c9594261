"""decide while something is open: the rows of the table of events on creates, notes and regressions."""

from typing import Any

import pytest
from msgspec.structs import replace

from common.model.decision import Kind
from common.model.finding import Risk, Severity
from common.model.group import Memo
from services.mapper.decide import Context, Reason, decide, facts_digest
from tests.decisions import CLEAR, CODES, DAY, HOUR, NOW, OPEN, RULE, run, ticket
from tests.worlds import GROUP_FACTS, aggregate, rule

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


TEXTS = "ticket: {templates: {short_description: 'Please mend {{ title }}'}}"


@pytest.mark.parametrize("extra", [TEXTS, "ticket: {disclose: full}", "ticket: {affected: {shown: 5}}"])
def test_changed_texts_alone_have_a_reason_of_their_own(extra: str) -> None:
    """So that they can be counted and held; where facts change too, the ticket is due anyway."""
    group = aggregate(open=3)
    decision = run(group, ticket(group), OPEN, rule(extra))
    assert (decision.kind, decision.reason) == (Kind.UPDATE, "template_changed")
    more = run(aggregate(open=4), ticket(group), OPEN, rule(extra))
    assert (more.kind, more.reason) == (Kind.UPDATE, "more_affected")


def test_changed_texts_do_not_pass_with_a_note_that_waits() -> None:
    """Written once today: the note comes tomorrow, and the texts stay what they are, a rewrite."""
    link = replace(ticket(aggregate(open=3)), noted_on=NOW, facts=facts_digest(aggregate(open=4), RULE))
    decision = run(aggregate(open=4), link, OPEN, rule(TEXTS))
    assert (decision.reason, decision.revisit_at > NOW) == ("template_changed", True)


@pytest.mark.parametrize("extra", ["cap: {per_rule_and_run: 1}", "ticket: {templates: {note: Done}}"])
def test_a_rule_changed_elsewhere_rewrites_nothing(extra: str) -> None:
    """Caps, notes and what is set once are no part of a ticket's lasting texts."""
    group = aggregate(open=3)
    assert run(group, ticket(group), OPEN, rule(extra)).reason == "up_to_date"


def test_after_a_loss_of_redis_no_note_is_made_up() -> None:
    """Without memo and facts nobody knows what people were told: facts only."""
    decision = run(aggregate(open=2), ticket(aggregate(open=3), facts="", open=0, worst=0), Memo())
    assert (decision.kind, decision.events, decision.memo.noted) == (Kind.UPDATE, (), 2)


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
