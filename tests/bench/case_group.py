"""One group with very many members: created once, and one member that changes costs one PATCH."""

from collections.abc import Iterator
from typing import Any

from tests.bench.case import Case, Goal
from tests.bench.measure import CREATE, UPDATE, worked
from tests.bench.rig import Sizes, approved, bench_stack
from tests.stack import Stack
from tests.stack_rules import rules_text

_BY_SUBSCRIPTION = """\
rules:
  - id: one
    when: {kind: recommendation}
    group: [subscription]
    ticket: {type: incident, impact: 3, urgency: 3}
"""
_OPEN_SHARE = 0.52  # a little less than the share of the simulated findings that are open


def cases(sizes: Sizes) -> Iterator[Case]:
    """A whole subscription as one ticket, its list of resources attached as CSV."""
    with bench_stack(0, rules=rules_text(rules=_BY_SUBSCRIPTION)) as stack:
        stack.azure("add_subscription", findings=round(sizes.members / _OPEN_SHARE))
        surplus = _open(stack) - sizes.members
        if surplus > 0:
            stack.azure("fix", count=surplus)
        members = _open(stack)
        approved(stack)
        first = worked(stack)
        stack.azure("fix", count=1)
        changed = worked(stack)
    patches = [first.routes[UPDATE], changed.routes[UPDATE]]
    facts: dict[str, Any] = {
        "members": members,
        "seconds": [round(first.seconds, 2), round(changed.seconds, 2)],
        "creates": [first.routes[CREATE], changed.routes[CREATE]],
        "patches": patches,
        "attachment_requests": [work.routes["servicenow.attachment"] for work in (first, changed)],
    }
    goals = (
        Goal("members", sizes.members, members, "exactly"),
        Goal("creates in both syncs", 1, sum(facts["creates"]), "exactly"),
        Goal("PATCHes in the first sync", 0, patches[0], "exactly"),
        Goal("PATCHes after one member changed", 1, patches[1], "exactly"),
    )
    summary = (
        f"{members:,} members: created in {first.seconds:.1f} s, a changed member told in"
        f" {changed.seconds:.1f} s"
    )
    yield Case("one large group", summary, facts, goals, facts)


def _open(stack: Stack) -> int:
    return sum(row["code"] == "Unhealthy" for row in stack.rows())
