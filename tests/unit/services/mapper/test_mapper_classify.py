"""classify: which rule takes a finding, and into which group."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.identity import group_of, identity_digest
from common.model.finding import Finding, Risk, Severity
from common.rules import DEFAULT_RULES, load_rules, parse_rules
from services.mapper.classify import (
    Compiled,
    Current,
    Matched,
    Skipped,
    classify,
    compile_rules,
    explain,
    wants_tags,
)
from tests.worlds import SUBSCRIPTION, finding


def compiled(when: str = "{}", group: str = "[recommendation]", more: str = "") -> Compiled:
    text = (
        "version: 1\ndefaults: {ticket: {assign: [T]}}\n"
        f"rules:\n  - {{id: one, when: {when}, group: {group}}}\n{more}"
    )
    return compile_rules(parse_rules(text), "contoso")


def values(group: str, **traits: object) -> dict[str, str]:
    answer = classify(finding(**traits), compiled(group=group))
    assert isinstance(answer, Matched)
    return dict(answer.facts.values)


CONDITIONS = [
    ("{severity: [High, Critical]}", {"severity": Severity.CRITICAL}, {"severity": Severity.LOW}),
    ("{risk: [Unknown]}", {"risk": Risk.UNKNOWN}, {"risk": Risk.LOW}),
    ("{risk: [Unknown, High], risk_missing: skip}", {"risk": Risk.HIGH}, {"risk": Risk.UNKNOWN}),
    ("{category: Data}", {"categories": ("Compute", "DATA")}, {"categories": ()}),
    ("{model: individual}", {"model": "individual"}, {"model": "grouped"}),
    ("{preview: true}", {"preview": True}, {"preview": False}),
    ("{subscription: [pay*]}", {"subscription_name": "Payments"}, {"subscription_name": "Other"}),
    (f"{{subscription: [{SUBSCRIPTION}]}}", {}, {"subscription": "other"}),
    ("{management_group: [corp]}", {}, {"management_groups": ()}),
    ("{cloud: aws}", {"cloud": "aws"}, {"cloud": "gcp"}),
    ("{cloud_account: 012345678901}", {"cloud_account": "012345678901"}, {"cloud_account": "1"}),
    ("{resource_type: [microsoft.compute/*]}", {}, {"resource_type": "microsoft.storage/x"}),
    ("{tags: {Env: [prod]}}", {"tags": {"env": "Prod"}}, {"tags": {"env": "test"}}),
    ("{tags: {Env: ['*']}}", {"tags": {"ENV": ""}}, {"tags": {}}),
    ("{recommendation: [4fb67663-*]}", {}, {"recommendation": "x", "title": "y"}),
    ("{recommendation: ['endpoint protection*']}", {}, {"title": "MFA"}),
    ("{kind: recommendation}", {}, {"kind": "alert"}),
]


@pytest.mark.parametrize(("when", "fits", "fails"), CONDITIONS)
def test_conditions(when: str, fits: dict[str, object], fails: dict[str, object]) -> None:
    """Each condition takes what it names, whatever the case, and nothing else."""
    rules = compiled(when)
    assert isinstance(classify(finding(**fits), rules), Matched)
    assert isinstance(classify(finding(**fails), rules), Skipped)


def test_first_match_wins_and_skip_rules_say_why() -> None:
    """A skip rule in front takes its findings out with its own reason."""
    rules = compile_rules(
        parse_rules(
            "version: 1\ndefaults: {ticket: {assign: [T]}}\nrules:\n"
            "  - {id: out, when: {cloud: aws}, skip: other_team}\n"
            "  - {id: one, when: {}, group: [recommendation]}\n"
            "  - {id: two, when: {}, group: [resource]}\n"
        ),
        "contoso",
    )
    assert classify(finding(cloud="aws"), rules) == Skipped("other_team", "out")
    taken = classify(finding(), rules)
    assert isinstance(taken, Matched)
    assert taken.rule_id == "one"


def test_a_finding_keeps_the_group_of_its_open_ticket() -> None:
    """Whatever the rules say now, also when none would take it (promise 9)."""
    old = classify(finding(), compiled())
    assert isinstance(old, Matched)
    now = compiled("{severity: Low}")
    assert isinstance(classify(finding(), now), Skipped)
    assert classify(finding(), now, Current(old.facts, old.group)) == old


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({}, SUBSCRIPTION),
        ({"cloud": "aws", "cloud_account": "123"}, "123"),
        ({"cloud": "gcp", "cloud_account": "project"}, "project"),
        ({"cloud": "aws", "cloud_account": ""}, SUBSCRIPTION),
        ({"cloud": "onpremises", "cloud_account": "workspace"}, SUBSCRIPTION),
    ],
)
def test_place_of_a_finding(traits: dict[str, object], expected: str) -> None:
    """AWS and GCP findings lie in their account; Azure, Arc and on-premises ones in their subscription."""
    group = "subscription_or_cloud_account"
    assert values(group, **traits) == {group: expected}


def test_identity_recommendations_lie_on_the_subscription() -> None:
    """Grouped by resource, their resource is the subscription itself."""
    resource = f"/subscriptions/{SUBSCRIPTION}"
    found = values(
        "[resource, resource_type]", resource_id=resource, resource_type="microsoft.resources/subscriptions"
    )
    assert found["resource"] == resource


def test_grouping_values() -> None:
    """Category ignores the array's order, tags the case of their name; texts stay one line."""
    assert values("category", categories=("Data", "Compute")) == {"category": "compute"}
    assert values("['tag:Team']", tags={"TEAM": "a|b\n[isthmus] c"}) == {"tag:team": "a/b [isthmus] c"}
    assert values("management_group") == {"management_group": "payments"}
    assert values("[severity, cloud]") == {"severity": "high", "cloud": "azure"}
    assert values("management_group", management_groups=()) == {"management_group": ""}


def test_identity_is_the_public_format() -> None:
    """Group and digest come from connection, rule id and values, so that rebuild finds them again."""
    answer = classify(finding(), compiled())
    assert isinstance(answer, Matched)
    digest = identity_digest("contoso", "one", answer.facts.values)
    assert (answer.facts.identity, answer.group) == (digest, group_of(digest))


@given(st.booleans(), st.sampled_from(["recommendation", "resource", "[resource, recommendation]"]))
def test_the_case_of_ids_changes_nothing(upper: bool, group: str) -> None:
    """Azure flips the case of ids between reads; the group stays."""
    turn = str.upper if upper else str.title
    rules = compiled(group=group)
    plain = finding()
    flipped = finding(resource_id=turn(plain.resource_id), recommendation=turn(plain.recommendation))
    one, two = classify(plain, rules), classify(flipped, rules)
    assert isinstance(one, Matched)
    assert isinstance(two, Matched)
    assert one.group == two.group


def test_tags_are_wanted_only_where_they_decide() -> None:
    """Only findings whose rule or group hangs on a tag need their resource's tags."""
    rules = compiled(
        "{cloud: aws, tags: {env: prod}}", more="  - {id: rest, when: {}, skip: below_threshold}\n"
    )
    assert wants_tags(finding(cloud="aws"), rules)
    assert not wants_tags(finding(), rules)
    assert wants_tags(finding(), compiled(group="['tag:team']"))


def test_explain_names_the_condition_that_failed() -> None:
    """`rules explain` shows why a rule did not take a finding, and which did."""
    rules = compiled("{cloud: aws}", more="  - {id: rest, when: {}, skip: below_threshold}\n")
    assert explain(finding(), rules) == (("one", "cloud"), ("rest", ""))


def test_classify_is_fast() -> None:
    """Under 10 microseconds a finding with the default rules (measured 2 to 4; room for a busy machine)."""
    rules = compile_rules(load_rules(DEFAULT_RULES), "contoso")
    world = [
        finding(
            recommendation=f"r{i % 300}",
            subscription=f"s{i % 97}",
            severity=Severity(i % 5),
            risk=Risk(i % 6),
        )
        for i in range(5_000)
    ]
    best = min(_seconds(world, rules) for _ in range(5))
    assert best / len(world) < 10e-6


def _seconds(world: list[Finding], rules: Compiled) -> float:
    started = time.process_time()
    for item in world:
        classify(item, rules)
    return time.process_time() - started
