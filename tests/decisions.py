"""Tickets and decisions on them, for the tests of decide."""

from typing import Any

from msgspec.structs import replace

from common.model.decision import Decision
from common.model.group import Aggregate, Memo
from common.model.link import Link
from common.rules import EffectiveRule
from services.mapper.decide import Context, decide, facts_digest
from tests.worlds import GROUP_FACTS, rule

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
