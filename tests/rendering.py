"""Rendered tickets, for the tests of render and orders."""

from typing import Any

from msgspec.structs import replace as changed

from common.identity import field_digest
from common.model.decision import Decision, Kind, Order
from common.model.finding import Recommendation, Severity
from common.model.group import Memo
from common.model.link import Link
from common.rules import EffectiveRule
from services.mapper.decide import Reason
from services.mapper.render import Affected, Directory, RenderInput, affected_of, render
from services.mapper.render_orders import Pass, orders
from tests.worlds import GROUP_FACTS, aggregate, finding, rule

NOW = 1_800_000_000
GROUP, US = "c" * 32, "d" * 32
DIRECTORY = Directory(
    our_user=US, groups={"Cloud Security": GROUP, "Payments": "e" * 32}, users={"anna": "f" * 32}
)
TITLE = "Endpoint protection should be installed on machines"
RECOMMENDATION = Recommendation(
    GROUP_FACTS.values[0][1], TITLE, Severity.HIGH, ("Compute",),
    description="<p>Install <b>it</b>.</p>", remediation="<ol><li>Open</li><li>Press &amp; go</li></ol>",
)  # fmt: skip
CREATE = Decision(Kind.CREATE, Reason.NEW, Memo())
FENCE = Pass("epoch", "run-1")


def some(number: int) -> tuple[Affected, ...]:
    return tuple(
        affected_of(finding(resource_name=f"vm{i:04}", resource_id=f"/x/vm{i}")) for i in range(number)
    )


def source(
    decision: Decision = CREATE, effective: EffectiveRule | None = None, **changes: Any
) -> RenderInput:
    given_: dict[str, Any] = {
        "connection": "contoso",
        "rule": effective or rule(),
        "facts": GROUP_FACTS,
        "aggregate": aggregate(open=3),
        "decision": decision,
        "link": None,
        "directory": DIRECTORY,
        "now": NOW,
        "recommendation": RECOMMENDATION,
        "affected": some(3),
    }
    return RenderInput(**{**given_, **changes})


def ticket(before: RenderInput, **changes: Any) -> Link:
    """The link after `before` was written."""
    fields = render(before).fields
    wrote = {n: field_digest(fields[n]) for n in ("short_description", "description", "impact", "urgency")}
    link = Link("incident", "a" * 32, "INC0001", 1, 4, "one", wrote=wrote, base=wrote, open=3, members=3)
    return changed(link, worst=before.aggregate.worst, mod_count=7, **changes)


def order(given_: RenderInput) -> Order:
    made = orders(given_, render(given_), FENCE)
    assert isinstance(made, Order)
    return made


def event(kind: Kind, *events: str, **fields: str) -> Decision:
    return Decision(kind, events[0] if events else "facts_changed", Memo(), events=events, fields=fields)
