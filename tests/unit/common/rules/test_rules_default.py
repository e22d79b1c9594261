"""The default rule file: that it loads as it stands, and what it does to a small world."""

import pytest

from common.model.finding import Risk, Severity
from common.rules import DEFAULT_RULES, RuleSet, lint_rules, load_rules
from services.mapper.classify import Matched, Skipped, classify, compile_rules
from tests.worlds import finding


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules(DEFAULT_RULES)


def test_default_file_loads_in_order(rules: RuleSet) -> None:
    """All nine rules load, in the order of the file, and nothing is live before a person said so."""
    assert [r.id for r in rules.rules] == [
        "alert-high",
        "alert-medium",
        "alert-rest",
        "vulnerabilities",
        "identity-on-subscription",
        "risk-critical",
        "severity-high-without-cspm",
        "risk-high-systemic",
        "rest",
    ]
    assert {r.mode for r in rules.rules} == {"plan"}
    assert [r.id for r in rules.rules if r.stays_plan] == ["risk-high-systemic"]


def test_default_values_reach_each_rule(rules: RuleSet) -> None:
    """Defaults of the file are merged into every rule, in seconds and fractions."""
    rule = rules.get("risk-critical")
    assert rule is not None
    assert (rule.min_age, rule.resolve.quiet, rule.resolve.assigned) == (86400, 86400, 72 * 3600)
    assert (rule.resolve.max_share, rule.resolve.max_count) == (0.05, 100)
    assert (rule.closed_while_unhealthy.wait, rule.closed_while_unhealthy.then) == (48 * 3600, "reopen")
    assert (rule.ticket.due, rule.ticket.impact, rule.ticket.disclose) == (7 * 86400, 2, "summary")
    assert (rule.cap.per_rule_and_run, rules.settings.per_connection_and_day) == (25, 50)
    assert (rule.reopen.flap_after, rule.reopen.flap_within) == (3, 14 * 86400)


def test_default_assign_chain_puts_the_rules_own_group_first(rules: RuleSet) -> None:
    """`rule` in the chain stands for the rule's own names; the last resort stays last."""
    identity, critical = rules.get("identity-on-subscription"), rules.get("risk-critical")
    assert identity is not None
    assert critical is not None
    assert identity.ticket.assign == ("Identity", "tag:owner_group", "ci.support_group", "Cloud Security")
    assert critical.ticket.assign == ("tag:owner_group", "ci.support_group", "Cloud Security")


def test_default_problem_rule_is_known_to_come_later(rules: RuleSet) -> None:
    """Only the problem rule draws a doubt from lint."""
    assert rules.get("risk-high-systemic") is not None
    assert [w.split(":")[0] for w in lint_rules(DEFAULT_RULES).warnings] == ["rule risk-high-systemic"]


SUBSCRIPTION_TYPE = "microsoft.resources/subscriptions"
WORLD = [
    ({"severity": Severity.HIGH}, "severity-high-without-cspm"),
    ({"severity": Severity.CRITICAL}, "severity-high-without-cspm"),
    ({"severity": Severity.HIGH, "risk": Risk.LOW}, "below_threshold"),
    ({"severity": Severity.LOW, "risk": Risk.CRITICAL}, "risk-critical"),
    ({"severity": Severity.LOW, "risk": Risk.HIGH}, "risk-high-systemic"),
    ({"severity": Severity.MEDIUM}, "below_threshold"),
    ({"severity": Severity.UNKNOWN}, "below_threshold"),
    ({"categories": ("Vulnerabilities",), "risk": Risk.CRITICAL}, "owned_by_vulnerability_response"),
    ({"categories": ("Compute", "VULNERABILITIES")}, "owned_by_vulnerability_response"),
    ({"resource_type": SUBSCRIPTION_TYPE}, "identity-on-subscription"),
    ({"resource_type": SUBSCRIPTION_TYPE, "severity": Severity.LOW}, "below_threshold"),
    ({"preview": True, "risk": Risk.CRITICAL}, "preview"),
    ({"model": "individual", "risk": Risk.CRITICAL}, "model"),
    ({"kind": "alert"}, "below_threshold"),
]


@pytest.mark.parametrize(("traits", "expected"), WORLD)
def test_default_rules_on_a_small_world(rules: RuleSet, traits: dict[str, object], expected: str) -> None:
    """Each kind of finding meets the rule, or the reason to be left out, that the file's author meant."""
    answer = classify(finding(**traits), compile_rules(rules, "contoso"))
    said = answer.rule_id if isinstance(answer, Matched) else answer.reason
    assert said == expected


def test_default_rules_make_few_tickets(rules: RuleSet) -> None:
    """500 subscriptions with one High finding without CSPM make one ticket; critical risks one per place."""
    compiled = compile_rules(rules, "contoso")
    unknown = {_group(classify(finding(subscription=f"s{i}"), compiled)) for i in range(500)}
    critical = {
        _group(classify(finding(subscription=f"s{i % 5}", risk=Risk.CRITICAL), compiled)) for i in range(500)
    }
    assert (len(unknown), len(critical)) == (1, 5)


def _group(answer: Matched | Skipped) -> bytes:
    assert isinstance(answer, Matched)
    return answer.group
