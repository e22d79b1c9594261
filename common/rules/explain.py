"""Why a rule takes a finding or not: every condition with what was wanted and what is there.

The mapper compiles the same conditions for speed; tests/unit/common/rules/test_rules_explain.py holds both to
the same answers.
"""

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from common.model.finding import Finding, Risk
from common.rules.effective import Conditions, EffectiveRule
from common.rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class Tried:
    """One condition of a rule that does not hold."""

    condition: str
    wanted: tuple[str, ...]
    actual: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule on one finding: it matches when nothing failed."""

    rule: EffectiveRule
    failed: tuple[Tried, ...]

    @property
    def matches(self) -> bool:
        return not self.failed


def explain(finding: Finding, rules: RuleSet) -> list[Verdict]:
    """Every rule's verdict, in order; the first that matches takes the finding."""
    return [Verdict(rule, tuple(failures(rule.when, finding))) for rule in rules.rules]


def taken_by(verdicts: Sequence[Verdict]) -> EffectiveRule | None:
    """The rule that takes the finding."""
    return next((verdict.rule for verdict in verdicts if verdict.matches), None)


def failures(when: Conditions, finding: Finding) -> Iterator[Tried]:
    """The conditions that don't hold."""
    yield from _levels(when, finding)
    yield from _texts(when, finding)
    for name, wanted in when.tags:
        actual = tuple(value for key, value in finding.tags.items() if key.lower() == name)
        if not _any_matches(wanted, actual):
            yield Tried(f"tags.{name}", wanted, actual)


def _levels(when: Conditions, finding: Finding) -> Iterator[Tried]:
    severity, risk = finding.severity.name.lower(), finding.risk.name.lower()
    if when.kind and finding.kind not in when.kind:
        yield Tried("kind", when.kind, (finding.kind,))
    if when.severity and severity not in when.severity:
        yield Tried("severity", when.severity, (severity,))
    if when.risk and risk not in when.risk:
        yield Tried("risk", when.risk, (risk,))
    if when.risk and finding.risk is Risk.UNKNOWN and when.risk_missing == "skip":
        yield Tried("risk_missing", ("skip",), (risk,))
    if when.status or when.max_age is not None or when.is_incident is not None:
        # Conditions of alerts: no finding carries what they ask yet.
        yield Tried("status", when.status or ("an alert's",), ())
    if finding.kind == "recommendation":
        if when.model not in ("both", finding.model):
            yield Tried("model", (when.model,), (finding.model,))
        if when.preview != "any" and finding.preview != (when.preview == "only"):
            yield Tried("preview", (when.preview,), ("preview" if finding.preview else "no preview",))


def _texts(when: Conditions, finding: Finding) -> Iterator[Tried]:
    pairs: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
        ("resource_type", when.resource_type, (finding.resource_type,)),
        ("recommendation", when.recommendation, (finding.recommendation, finding.title)),
        ("category", when.category, finding.categories),
        ("cloud", when.cloud, (finding.cloud,)),
        ("subscription", when.subscription, (finding.subscription, finding.subscription_name)),
        ("cloud_account", when.cloud_account, (finding.cloud_account,)),
        ("management_group", when.management_group, finding.management_groups),
    )
    for name, wanted, actual in pairs:
        if wanted and not _any_matches(wanted, actual):
            yield Tried(name, wanted, actual)


def _any_matches(wanted: Sequence[str], actual: Sequence[str]) -> bool:
    """Whether one text is one of those wanted, whatever the case; `*` and `?` stand for anything."""
    return any(_matches(pattern, text.lower()) for pattern in wanted for text in actual)


def _matches(pattern: str, text: str) -> bool:
    if any(sign in pattern for sign in "*?"):
        return fnmatch.fnmatchcase(text, pattern)
    return pattern == text
