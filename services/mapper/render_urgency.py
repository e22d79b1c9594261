"""Urgency is raise only: set once, then moved up when the worst open finding gets worse (promise 6)."""

from common.identity import field_digest
from common.model.finding import Risk
from common.model.group import Aggregate
from common.model.link import Link
from common.rules.effective import TicketPolicy
from common.rules.priority import floored_urgency, urgency_for
from services.mapper.decide_case import level_of

_BY_DIGEST = {field_digest(str(u)): u for u in (1, 2, 3)}


def first_urgency(policy: TicketPolicy, aggregate: Aggregate) -> int:
    """What the rule asks for, by the worst risk level where there is one, else by the worst severity."""
    level = aggregate.severity if aggregate.risk is Risk.UNKNOWN else aggregate.risk
    return floored_urgency(
        policy.impact, urgency_for(policy.urgency, level.name.lower()), policy.priority_floor
    )


def raised_urgency(policy: TicketPolicy, aggregate: Aggregate, link: Link) -> int | None:
    """The urgency that the ticket should have now, never lower than what we wrote; None: don't touch it.

    A rule with one urgency raises by one step when the worst finding rises above what the ticket was last
    written with; a rule with urgencies by level goes by its table.
    """
    written = _BY_DIGEST.get(link.wrote.get("urgency", ""))
    if written is None:
        return None
    if len(policy.urgency) > 1:
        return min(written, first_urgency(policy, aggregate))
    if not 0 < level_of(link.worst) < level_of(aggregate.worst):
        return written
    return min(written, floored_urgency(policy.impact, max(written - 1, 1), policy.priority_floor))
