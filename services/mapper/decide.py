"""decide: what is to happen to a group's ticket. Pure: no clock, network or Redis inside.

docs/rules.md has the table of events. Every answer carries a reason, and `revisit_at` where
only time is missing.
"""

from common.model.decision import Decision, Kind
from common.model.group import Aggregate, GroupFacts, Memo
from common.model.link import Link
from common.rules.effective import EffectiveRule
from services.mapper.decide_case import Case, Context, facts_digest, track
from services.mapper.decide_clear import all_clear
from services.mapper.decide_open import with_ticket, without_ticket
from services.mapper.decide_reasons import Reason

__all__ = ["Context", "Reason", "decide", "facts_digest"]


def decide(
    aggregate: Aggregate,
    facts: GroupFacts,
    link: Link | None,
    memo: Memo,
    rule: EffectiveRule,
    now: int,
    context: Context,
) -> Decision:
    """What is to happen to a group's ticket at `now` (Unix seconds), and what to remember."""
    case = Case(aggregate, facts, track(memo, aggregate, now), rule, now, context)
    if rule.ticket.type != "incident":
        return case.answer(Kind.SKIPPED, Reason.TYPE_NOT_YET, link)
    if link is None:
        decision = without_ticket(case)
    else:
        decision = with_ticket(case, link) if aggregate.open else all_clear(case, link)
    return _allowed(case, link, decision)


def _allowed(case: Case, link: Link | None, decision: Decision) -> Decision:
    """The decision, or why the connection does not let it happen now; its memo is then only the clocks."""
    if not decision.kind.writes:
        return decision
    if case.context.plan_mode:
        return case.answer(Kind.SKIPPED, Reason.PLAN_MODE, link)
    if case.rule.ticket.type not in case.context.tables:
        return case.answer(Kind.HELD, Reason.TABLE_UNAVAILABLE, link)
    if decision.kind is Kind.CREATE and case.context.creates_blocked:
        return case.answer(Kind.HELD, case.context.creates_blocked, link)
    return decision
