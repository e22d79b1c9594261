"""The rules of the end-to-end tests twice: as YAML for the product, as plain Python for the witness.

The Python side is written from docs/rules.md and shares no code with the product.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]  # one line of the simulator's ground truth, `/azure/findings`

DEFAULTS = """\
version: 1
defaults:
  findings: {{model: grouped, preview: false, min_age: 0m, risk_missing: unknown}}
  cap: {{per_rule_and_run: {cap}, per_connection_and_day: 100000, beyond: hold}}
  resolve: {{on: healthy, quiet: 0m, assigned: at_once, gone: asked_again, max_count: 100000}}
  closed_while_unhealthy: {{wait: {wait}, then: reopen}}
  ticket:
    assign: [rule, "Cloud Security"]
    priority_floor: 2
    notes: {{digest: daily, max_per_day: {notes}}}
    affected: {{shown: 25, rest: attachment_csv}}
"""
RULES = """\
rules:
  - id: vulnerabilities
    when: {kind: recommendation, category: [Vulnerabilities]}
    skip: owned_by_vulnerability_response
  - id: identity
    when: {kind: recommendation, resource_type: [microsoft.resources/subscriptions]}
    group: [recommendation]
    ticket: {type: incident, impact: 2, urgency: 2, assign: ["Identity"]}
  - id: risk-critical
    when: {kind: recommendation, risk: [Critical]}
    group: [recommendation, subscription_or_cloud_account]
    ticket: {type: incident, impact: 2, urgency: 2, due: 7d}
  - id: severity-high
    when: {kind: recommendation, severity: [Critical, High]}
    group: [recommendation, subscription_or_cloud_account]
    ticket: {type: incident, impact: 3, urgency: 2}
  - id: systemic
    when: {kind: recommendation, risk: [High], affected_at_least: 3}
    group: [recommendation]
    ticket: {type: incident, impact: 3, urgency: 2}
  - {id: rest, when: {}, skip: below_threshold}
"""


def rules_text(*, cap: int = 100_000, wait: str = "0m", notes: int = 24, rules: str = RULES) -> str:
    """A rule file without waiting times; `cap` is the creates per rule and run."""
    return DEFAULTS.format(cap=cap, wait=wait, notes=notes) + rules


def recommendation(row: Row) -> str:
    return str(row["recommendation"]).lower()


def place(row: Row) -> str:
    """subscription_or_cloud_account."""
    account = row["account"] if str(row["source"]).lower() in ("aws", "gcp") else None
    return str(account or row["subscription"]).lower()


@dataclass(frozen=True, slots=True)
class ModelRule:
    """A rule as a predicate and grouping functions; without dimensions it skips."""

    id: str
    takes: Callable[[Row], bool]
    group: tuple[tuple[str, Callable[[Row], str]], ...] = ()
    at_least: int = 1


def ranked(row: Row) -> bool:
    return row["severity"] in ("High", "Critical")


BY_RECOMMENDATION = (("recommendation", recommendation),)
BY_PLACE = (*BY_RECOMMENDATION, ("subscription_or_cloud_account", place))
MODEL: tuple[ModelRule, ...] = (
    ModelRule("vulnerabilities", lambda row: "Vulnerabilities" in row["categories"]),
    ModelRule(
        "identity",
        lambda row: row["resource_type"].lower() == "microsoft.resources/subscriptions",
        BY_RECOMMENDATION,
    ),
    ModelRule("risk-critical", lambda row: row["risk"] == "Critical", BY_PLACE),
    ModelRule("severity-high", ranked, BY_PLACE),
    ModelRule("systemic", lambda row: row["risk"] == "High", BY_RECOMMENDATION, at_least=3),
)

PER_RESOURCE = """\
rules:
  - id: each
    when: {kind: recommendation}
    group: [recommendation, resource]
    ticket: {type: incident, impact: 3, urgency: 3}
"""
"""A ticket for every open finding: many tickets from few findings."""
PER_RESOURCE_MODEL: tuple[ModelRule, ...] = (
    ModelRule(
        "each",
        lambda _row: True,
        (*BY_RECOMMENDATION, ("resource", lambda row: str(row["resource"]).lower())),
    ),
)
