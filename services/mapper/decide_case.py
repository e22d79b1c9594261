"""What a decision is made on, and the small questions that are asked of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from common.model.decision import Decision, Kind
from common.model.finding import Standing
from common.model.group import Aggregate, GroupFacts, Memo
from common.model.link import Link
from common.rules.effective import EffectiveRule
from services.mapper.decide_reasons import Reason

_CLEARED = (Standing.HEALTHY, Standing.MITIGATED, Standing.GONE, Standing.WAIVED, Standing.ADOPTED)
_FACTS = 10  # hex digits over the findings at the beginning of a facts digest
_UNKNOWN = (Standing.OFF, Standing.MISSING, Standing.LOST)


@dataclass(frozen=True, slots=True)
class Context:
    """What the connection allows at this moment.

    `close_codes` are the values that the instance offers; `creates_blocked` is the reason (`state_lost`,
    `links_not_rebuilt`) while nothing may be created; `tables` are those that can be written.
    `plan_mode` is true until a person approved this version of the rule, and always for `stays_plan`.
    """

    close_codes: tuple[str, ...] = ()
    plan_mode: bool = False
    creates_blocked: Reason | None = None
    tables: frozenset[str] = frozenset({"incident"})


@dataclass(frozen=True, slots=True)
class Case:
    """The arguments of `decide`, with the memo already brought up to now."""

    aggregate: Aggregate
    facts: GroupFacts
    memo: Memo
    rule: EffectiveRule
    now: int
    context: Context

    def answer(
        self,
        kind: Kind,
        reason: str,
        link: Link | None = None,
        *,
        revisit_at: int = 0,
        memo: Memo | None = None,
    ) -> Decision:
        """A decision about the ticket as it is."""
        generation = link.generation if link else 1
        return Decision(kind, reason, memo or self.memo, revisit_at=revisit_at, generation=generation)

    @property
    def affected(self) -> int:
        return unresolved(self.aggregate)


def unresolved(aggregate: Aggregate) -> int:
    """Open members, and those that are merely absent: absence is no evidence of a fix (promise 4)."""
    return aggregate.count(Standing.OPEN, Standing.MISSING)


def level_of(rank: int) -> int:
    """0 to 4 (critical) of a member's rank: what urgency follows."""
    return rank >> 4


def facts_digest(aggregate: Aggregate, rule: EffectiveRule) -> str:
    """16 hex digits over what a ticket's text is made from: counts, worst, members, then the rule's texts.

    Two equal digests need no new rendering.
    """
    parts = aggregate.standings, aggregate.severities, aggregate.risks, aggregate.worst, aggregate.digest
    return hashlib.blake2b(repr(parts).encode(), digest_size=_FACTS // 2).hexdigest() + rule.text_hash


def same_facts(one: str, other: str) -> bool:
    """Whether two digests differ by the rule's texts at most."""
    return one[:_FACTS] == other[:_FACTS]


def track(memo: Memo, aggregate: Aggregate, now: int) -> Memo:
    """Since when something is open, or all is clear. What is not known moves no clock."""
    if aggregate.open:
        since = memo.open_since or now
        return replace(memo, open_since=since, clear_since=0, announced=0, announced_event="")
    if aggregate.count(*_UNKNOWN) or not aggregate.count(*_CLEARED):
        return memo
    return replace(memo, open_since=0, clear_since=memo.clear_since or now)


def close_code(preferred: tuple[str, ...], offered: tuple[str, ...]) -> str:
    """The first preferred value that the instance offers, in the instance's own spelling; "" if none."""
    spelled: Mapping[str, str] = {value.casefold(): value for value in reversed(offered)}
    return next((spelled[p.casefold()] for p in preferred if p.casefold() in spelled), "")
