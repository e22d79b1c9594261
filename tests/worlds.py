"""Small worlds for the tests of rules and mapper: findings and aggregates with sound defaults."""

from dataclasses import replace
from typing import Any

from common.identity import finding_key
from common.model.finding import Finding, Risk, Severity, Standing
from common.model.group import Aggregate

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
    made = replace(_PLAIN, **changes)
    identity = f"{made.resource_id}/providers/microsoft.security/assessments/{made.recommendation}"
    return replace(made, id=identity, key=finding_key(identity))


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
