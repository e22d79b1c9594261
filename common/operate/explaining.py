"""`rules explain`: which rule takes a finding, and why not the others."""

from collections.abc import Mapping
from typing import Any

import msgspec

from common.azure.findings import to_finding
from common.azure.rows import AssessmentRow
from common.errors import SyncError
from common.identity import finding_key, normalise
from common.model.finding import Finding, Recommendation, Risk, Severity, Standing, Subscription
from common.operate.errors import Refused
from common.rules.explain import explain, taken_by
from common.rules.ruleset import RuleSet


class _Given(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A finding as people write it: everything may be left out."""

    id: str = ""
    kind: str = "recommendation"
    recommendation: str = ""
    title: str = ""
    severity: str = "unknown"
    risk: str = "unknown"
    categories: tuple[str, ...] = ()
    preview: bool = False
    model: str = "grouped"
    tenant: str = ""
    subscription: str = ""
    subscription_name: str = ""
    management_groups: tuple[str, ...] = ()
    cloud: str = "azure"
    cloud_account: str = ""
    resource_id: str = ""
    resource_type: str = ""
    resource_name: str = ""
    tags: dict[str, str] = {}


class FailedCondition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition that does not hold."""

    condition: str
    wanted: list[str]
    actual: list[str]


class RuleVerdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule: `takes` for the one that gets the finding, `matches` also for those behind it."""

    rule: str
    takes: bool
    matches: bool
    failed: list[FailedCondition]


class Explanation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`rule` is "" when none takes the finding; `skip` is the rule's word when it leaves the finding out."""

    rule: str
    skip: str
    type: str
    group_by: list[str]
    rules: list[RuleVerdict]


def explanation(finding: Finding, rules: RuleSet) -> Explanation:
    """All rules' verdicts on a finding without a ticket (one with an open ticket stays with it)."""
    verdicts = explain(finding, rules)
    taker = taken_by(verdicts)
    return Explanation(
        rule=taker.id if taker else "",
        skip=taker.skip if taker else "",
        type=taker.ticket.type if taker and not taker.skip else "",
        group_by=list(taker.group) if taker and not taker.skip else [],
        rules=[
            RuleVerdict(
                rule=verdict.rule.id,
                takes=verdict.rule is taker,
                matches=verdict.matches,
                failed=[
                    FailedCondition(condition=t.condition, wanted=list(t.wanted), actual=list(t.actual))
                    for t in verdict.failed
                ],
            )
            for verdict in verdicts
        ],
    )


def finding_of(text: str | bytes) -> Finding:
    """A finding from JSON as docs/cli.md describes it. Raises Refused, naming the field."""
    try:
        given = msgspec.json.decode(text, type=_Given)
        severity, risk = _level(Severity, given.severity), _level(Risk, given.risk)
    except (msgspec.DecodeError, ValueError) as error:
        raise Refused("bad_finding", f"The finding can't be read: {error}; see docs/cli.md.") from error
    fields = {
        name: getattr(given, name) for name in given.__struct_fields__ if name not in ("severity", "risk")
    }
    for name in ("id", "recommendation", "tenant", "subscription", "resource_id", "resource_type", "cloud"):
        fields[name] = normalise(fields[name])
    key = finding_key(given.id)
    return Finding(key=key, standing=Standing.OPEN, severity=severity, risk=risk, **fields)


def finding_of_row(
    text: str | bytes,
    metadata: Mapping[str, Recommendation],
    subscriptions: Mapping[str, Subscription],
) -> Finding:
    """A finding from a row of Resource Graph as the collector's query answers it. Raises Refused."""
    try:
        row = msgspec.json.decode(text, type=AssessmentRow)
    except msgspec.DecodeError as error:
        raise Refused(
            "bad_row", f"The row can't be read: {error}; give it as Resource Graph answers."
        ) from error
    try:
        return to_finding(row, metadata, {**_own_subscription(row), **subscriptions})
    except SyncError as error:
        raise Refused(error.reason, f"The row makes no finding: {error}.") from error


def _own_subscription(row: AssessmentRow) -> dict[str, Subscription]:
    """The row's subscription by its id alone, for rows of a scope that was not read yet."""
    name = (row.subscriptionId or "").lower()
    return {name: Subscription(name, name)} if name else {}


def _level(levels: Any, word: str) -> Any:
    try:
        return levels[word.strip().upper()]
    except KeyError:
        offered = ", ".join(level.name.lower() for level in levels)
        raise ValueError(f"{word!r} is none of {offered}") from None
