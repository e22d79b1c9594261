"""`rules explain` and the mapper agree on every finding."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from common.model.finding import Finding, Risk, Severity, Standing
from common.rules.explain import explain, taken_by
from common.rules.loader import DEFAULT_RULES, load_rules, parse_rules
from services.mapper.classify import Matched, classify, compile_rules

RULES = """
version: 1
defaults: {ticket: {assign: [Security]}}
rules:
  - {id: tagged, when: {tags: {Env: ["prod*"]}, cloud: [aws]}, group: resource}
  - {id: wild, when: {recommendation: ["*encrypt*"], category: [Data]}, group: resource}
  - {id: place, when: {subscription: ["Prod?", sub-2], management_group: [mg-1]}, group: resource}
  - {id: risky, when: {risk: [High, Unknown], preview: true}, findings: {risk_missing: skip}, group: resource}
  - {id: account, when: {cloud_account: ["1*"], resource_type: [a.b/c]}, group: resource}
  - {id: severe, when: {severity: [High], model: both}, group: resource}
"""


def some(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values)


FINDINGS = st.builds(
    Finding,
    id=st.just("/x"),
    key=st.just(b"k" * 12),
    recommendation=some("rec-1", "encrypt-2"),
    title=some("Disks should be Encrypted", "Other"),
    standing=st.just(Standing.OPEN),
    severity=st.sampled_from(Severity),
    risk=st.sampled_from(Risk),
    categories=st.lists(some("Data", "Compute", "Vulnerabilities"), max_size=2).map(tuple),
    preview=st.booleans(),
    model=some("grouped", "individual"),
    tenant=st.just("t"),
    subscription=some("sub-1", "sub-2"),
    subscription_name=some("Prod1", "Test"),
    management_groups=st.lists(some("mg-1", "mg-2"), max_size=2).map(tuple),
    cloud=some("azure", "aws"),
    cloud_account=some("", "123"),
    resource_id=st.just("/r"),
    resource_type=some("a.b/c", "microsoft.resources/subscriptions"),
    resource_name=st.just("r"),
    kind=some("recommendation", "alert"),
    tags=st.dictionaries(some("Env", "env", "other"), some("PROD-1", "test"), max_size=2),
)
SETS = (parse_rules(RULES), load_rules(DEFAULT_RULES))
COMPILED = tuple(compile_rules(rules, "c") for rules in SETS)


@given(FINDINGS, st.sampled_from([0, 1]))
def test_explain_agrees_with_the_mapper(finding: Finding, number: int) -> None:
    """The rule that explain names is the one by which the mapper classifies."""
    taker = taken_by(explain(finding, SETS[number]))
    decided = classify(finding, COMPILED[number])
    by = decided.rule_id if isinstance(decided, Matched) or decided.rule_id else ""
    assert (taker.id if taker else "") == by


def test_every_failed_condition_is_told() -> None:
    """Not the first one only."""
    finding = Finding(
        id="/x", key=b"k", recommendation="rec", title="T", standing=Standing.OPEN, severity=Severity.LOW,
        risk=Risk.NONE, categories=(), preview=False, model="grouped", tenant="", subscription="s",
        subscription_name="S", management_groups=(), cloud="azure", cloud_account="", resource_id="/r",
        resource_type="x", resource_name="r",
    )  # fmt: skip
    first = explain(finding, SETS[0])[0]
    assert [tried.condition for tried in first.failed] == ["cloud", "tags.env"]
    tagged = msgspec.structs.replace(finding, tags={"ENV": "Production"}, cloud="aws")
    assert explain(tagged, SETS[0])[0].matches
