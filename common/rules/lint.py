"""What a rule file says that is allowed but hardly meant."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.rules.effective import EffectiveRule
from common.rules.errors import RuleError, RuleErrors
from common.rules.loader import load_rules
from common.rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class Lint:
    """Everything to say of a file: it can be used when `errors` is empty."""

    rules: RuleSet | None
    errors: tuple[RuleError, ...]
    warnings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.errors


def lint_rules(path: Path | str) -> Lint:
    """Mistakes and doubts of a rule file; raises nothing."""
    try:
        rules = load_rules(path)
    except RuleErrors as error:
        return Lint(None, error.errors, ())
    return Lint(rules, (), tuple(doubts(rules)))


def doubts(rules: RuleSet) -> Iterator[str]:
    """Sentences about rules that can hardly be meant so."""
    seen: dict[str, str] = {}
    everything = ""
    for rule in rules.rules:
        if everything:
            yield f"rule {rule.id}: never reached, since rule {everything} before it takes everything"
        conditions = rule.when.model_dump_json()
        if conditions in seen and not everything:
            yield f"rule {rule.id}: never reached, since rule {seen[conditions]} asks the same"
        seen.setdefault(conditions, rule.id)
        if not everything and _takes_all(rule):
            everything = rule.id
        if "unknown" in rule.when.risk and rule.when.risk_missing == "skip":
            yield f"rule {rule.id}: names risk Unknown, but risk_missing: skip makes it match nothing"
        if not rule.skip and rule.ticket.type != "incident":
            yield f"rule {rule.id}: tickets of type {rule.ticket.type} come later; shown in the plan only"
        if not rule.skip and "severity" in rule.group:
            yield f"rule {rule.id}: groups by severity, which moves: a new severity is another ticket"
    if not _knows_missing_risk(rules):
        yield (
            "no rule names risk Unknown: where Defender CSPM is off, findings have no risk level"
            " and match no rule on risk"
        )


def _takes_all(rule: EffectiveRule) -> bool:
    """No condition but the defaults' on model and preview, which hold for every rule."""
    when = rule.when
    named = (
        when.kind, when.severity, when.risk, when.category, when.subscription, when.management_group,
        when.cloud, when.cloud_account, when.resource_type, when.tags, when.recommendation, when.status,
    )  # fmt: skip
    return not any(named) and when.max_age is None and when.is_incident is None and when.preview != "only"


def _knows_missing_risk(rules: RuleSet) -> bool:
    on_risk = [r.when.risk for r in rules.rules if r.when.risk and not r.skip]
    return not on_risk or any("unknown" in risk for risk in on_risk)
