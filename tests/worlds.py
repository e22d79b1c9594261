"""Small worlds for the tests of rules and mapper: findings, aggregates, rules and links."""

from typing import Any

import msgspec

from common.identity import correlation_id, finding_key, identity_digest, sys_id_of
from common.model.decision import Decision, Kind
from common.model.finding import Finding, Risk, Severity, Standing
from common.model.group import Aggregate, GroupFacts
from common.model.link import Link
from common.rules import EffectiveRule, parse_rules
from services.mapper.decide import facts_digest
from services.mapper.decide_case import unresolved

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
_PLAIN = Finding(
    id="",
    key=b"",
    recommendation="4fb67663-9ab9-475d-b026-8c544cced439",
    title="Endpoint protection should be installed on machines",
    standing=Standing.OPEN,
    severity=Severity.HIGH,
    risk=Risk.UNKNOWN,
    categories=("Compute",),
    preview=False,
    model="grouped",
    tenant="11111111-0000-0000-0000-000000000000",
    subscription=SUBSCRIPTION,
    subscription_name="Payments production",
    management_groups=("payments", "corp", "root"),
    cloud="azure",
    cloud_account="",
    resource_id=f"/subscriptions/{SUBSCRIPTION}/resourcegroups/a/providers/microsoft.compute/virtualmachines/vm1",
    resource_type="microsoft.compute/virtualmachines",
    resource_name="vm1",
)


def finding(**changes: Any) -> Finding:
    """A High finding without risk level on a virtual machine, with changes."""
    made = msgspec.structs.replace(_PLAIN, **changes)
    identity = f"{made.resource_id}/providers/microsoft.security/assessments/{made.recommendation}"
    return msgspec.structs.replace(made, id=identity, key=finding_key(identity))


def aggregate(
    severity: Severity = Severity.HIGH, risk: Risk = Risk.UNKNOWN, digest: int = 7, **counts: int
) -> Aggregate:
    """A group with so many members per standing, such as `open=3, healthy=1`; all open ones equally bad."""
    standings = tuple(counts.get(s.name.lower(), 0) for s in Standing)
    opened = counts.get("open", 0)
    rank = (max(severity, risk - 1) << 4 | risk) if opened else 0
    return Aggregate(
        standings=standings,
        severities=tuple(opened if s is severity else 0 for s in Severity),
        risks=tuple(opened if r is risk else 0 for r in Risk),
        worst=rank,
        digest=digest + sum(n * (i + 1) for i, n in enumerate(standings)),
        units=1,
    )


def rule(extra: str = "", when: str = "{}", group: str = "[recommendation]") -> EffectiveRule:
    """One effective rule with the built-in defaults; `extra` are more keys in YAML flow style."""
    tail = f", {extra}" if extra else ""
    text = (
        "version: 1\ndefaults: {ticket: {assign: [Cloud Security]}}\n"
        f"rules: [{{id: one, when: {when}, group: {group}{tail}}}]\n"
    )
    return parse_rules(text).rules[0]


GROUP_VALUES = (("recommendation", "4fb67663-9ab9-475d-b026-8c544cced439"),)
GROUP_FACTS = GroupFacts("one", GROUP_VALUES, identity_digest("contoso", "one", GROUP_VALUES))


def executed(
    decision: Decision, group: Aggregate, effective: EffectiveRule, link: Link | None, now: int
) -> Link | None:
    """The link after a writer carried a decision out: what the protocol with the writer asks of it."""
    if not decision.kind.writes:
        return link
    facts, noted = facts_digest(group, effective), now if decision.events else (link.noted_on if link else 0)
    common: dict[str, Any] = {
        "facts": facts,
        "open": unresolved(group),
        "worst": group.worst,
        "members": group.members,
    }
    if decision.kind is Kind.CREATE:
        identity = correlation_id("contoso", "incident", GROUP_FACTS.identity, decision.generation)
        return Link(
            "incident", sys_id_of(identity), "INC1", decision.generation, 1, "one", created_at=now,
            parent=decision.parent, **common,
        )  # fmt: skip
    assert link is not None
    link = msgspec.structs.replace(link, seq=link.seq + 1, noted_on=noted, written_at=now, **common)
    if decision.kind is Kind.RESOLVE:
        code = decision.fields["close_code"]
        return msgspec.structs.replace(
            link, state="6", close_code=code, resolved_at=now, closed_by_person=False
        )
    if decision.kind is Kind.REOPEN:
        return msgspec.structs.replace(link, state="2", active=True, closed_by_person=False)
    return link
