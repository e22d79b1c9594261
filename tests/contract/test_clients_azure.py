"""The Azure clients against the simulator: every row once, and each kind of trouble typed."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import redis
from pydantic import SecretStr

from common.azure import kql
from common.azure.arm import Arm
from common.azure.caller import ArmCaller, Budget
from common.azure.credentials import (
    CLOUDS,
    AzureSignIn,
    ClientSecret,
    Identity,
    Network,
    WorkloadIdentity,
    build_credential,
)
from common.azure.findings import to_finding, to_subscription
from common.azure.resource_graph import ResourceGraph, Scope
from common.azure.rows import AssessmentRow, CountRow, SubscriptionRow, TagsRow
from common.errors import Park
from common.http.deadline import Deadline
from common.http.errors import AnswerLost, HttpError, HttpFatal, HttpPark, HttpRetry, Throttled
from common.http.exchange import Exchange
from common.http.session import build_session
from common.model.finding import Standing
from common.state.budget import WindowBudget
from tests.simulator import Simulator


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """A world of 3,000 assessments."""
    with Simulator(findings=3000, seed=7) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def calm(sim: Simulator) -> Iterator[None]:
    """No limits and no faults to begin with, nor left behind."""
    yield
    sim.control("DELETE", "/faults")
    sim.control("POST", "/limits", json={"mode": "none"})


def sign_in(sim: Simulator, identity: Identity | None = None) -> AzureSignIn:
    who = identity or ClientSecret(sim.tenant_id, sim.client_id, SecretStr(sim.client_secret))
    network = Network(authority=sim.login, ca_bundle=sim.ca)
    cloud = CLOUDS["public"]
    return AzureSignIn(lambda: build_credential(who, cloud, network), cloud.scope)


def caller(sim: Simulator, identity: Identity | None = None) -> ArmCaller:
    session = build_session(sim.ca, None, 4, "isthmus-test")
    return ArmCaller(sim.azure, sign_in(sim, identity), Exchange("defender", session))


def graph(sim: Simulator, budget: Budget | None = None) -> ResourceGraph:
    return ResourceGraph(caller(sim), budget)


def scope_of(sim: Simulator) -> Scope:
    everything = Arm(caller(sim)).subscriptions(deadline=Deadline(30))
    return Scope(subscriptions=[subscription.id for subscription in everything])


def fault(sim: Simulator, kind: str, route: str = "arg.query", **params: object) -> None:
    sim.control("POST", "/faults", json={"route": route, "kind": kind, "params": params})


def read(sim: Simulator, size: int = 400, budget: Budget | None = None) -> list[AssessmentRow]:
    pages = graph(sim, budget).pages(
        kql.ASSESSMENTS, AssessmentRow, scope_of(sim), page_size=size, deadline=Deadline(60)
    )
    return [row for page in pages for row in page.rows]


def test_every_assessment_is_read_once_and_made_a_finding(sim: Simulator) -> None:
    """The pages hold what the ground truth holds, and every row becomes a finding in a known cloud."""
    rows = read(sim)
    truth = [entry["id"].lower() for entry in sim.rows("/azure/findings")]
    assert sorted((row.id or "").lower() for row in rows) == sorted(truth)
    deadline = Deadline(60)
    scope = scope_of(sim)
    found = graph(sim).rows(kql.SUBSCRIPTIONS, SubscriptionRow, scope, deadline=deadline)
    subscriptions = {one.id: one for one in map(to_subscription, found)}
    assert all(one.management_groups for one in subscriptions.values())
    metadata = Arm(caller(sim)).recommendations(deadline=deadline)
    unknown: Counter[str] = Counter()
    findings = [to_finding(row, metadata, subscriptions, unknown) for row in rows]
    assert len({finding.key for finding in findings}) == len(rows)
    assert {finding.standing for finding in findings} >= {Standing.OPEN, Standing.HEALTHY, Standing.OFF}
    assert {"azure", "aws", "gcp"} <= {finding.cloud for finding in findings}
    assert all(finding.title and finding.resource_name for finding in findings)
    assert unknown["source"] < len(rows) / 20


def test_counts_plan_the_units(sim: Simulator) -> None:
    """Counts by subscription add up to the rows."""
    counts = graph(sim).rows(kql.ASSESSMENT_COUNTS, CountRow, scope_of(sim), deadline=Deadline(30))
    assert sum(count.rows for count in counts) == 3000


def test_parts_of_a_unit_add_up(sim: Simulator) -> None:
    """Sixteen prefixes of the recommendation's key are a partition of all rows."""
    parts = ["01234567", "89abcdef"]
    rows = [
        graph(sim).rows(kql.assessments_of(list(part)), AssessmentRow, scope_of(sim), deadline=Deadline(60))
        for part in parts
    ]
    assert sum(map(len, rows)) == 3000


def test_rows_are_asked_for_by_id_in_any_case(sim: Simulator) -> None:
    """Exactly those ids answer, whatever their case; unknown ones are left out."""
    ids = [row.id or "" for row in read(sim)[:150]]
    asked = [one.upper() for one in ids] + ["/subscriptions/x/providers/microsoft.security/assessments/none"]
    rows = graph(sim).rows_by_id(asked, AssessmentRow, scope_of(sim), deadline=Deadline(30))
    assert sorted((row.id or "").lower() for row in rows) == sorted(one.lower() for one in ids)


def test_tags_are_read_by_resource(sim: Simulator) -> None:
    """Tags come typed for resources that exist."""
    ids = sorted({row.resourceId for row in read(sim) if row.resourceId and row.source == "Azure"})[:200]
    rows = graph(sim).rows(kql.tags_by_id(ids), TagsRow, scope_of(sim), deadline=Deadline(30))
    assert any(row.tags for row in rows)


def test_plans_and_metadata(sim: Simulator) -> None:
    """CSPM's plan is told for a subscription; metadata of a subscription holds the built-in too."""
    arm = Arm(caller(sim))
    one = scope_of(sim).subscriptions[0]
    assert "CloudPosture" in {plan.name for plan in arm.pricings(one, deadline=Deadline(30))}
    everywhere = arm.recommendations(deadline=Deadline(30))
    here = arm.recommendations(deadline=Deadline(30), subscription=one)
    assert everywhere.keys() <= here.keys()
    assert all(entry.title for entry in everywhere.values())


def test_workload_identity_signs_in(sim: Simulator, tmp_path: Path) -> None:
    """A federated token file is enough."""
    file = tmp_path / "token"
    claims = {"aud": "api://AzureADTokenExchange", "sub": "system:serviceaccount:a:b", "exp": 4102444800}
    file.write_text(jwt.encode(claims, "k" * 32, algorithm="HS256"))
    identity = WorkloadIdentity(sim.tenant_id, sim.client_id, str(file))
    assert Arm(caller(sim, identity)).subscriptions(deadline=Deadline(30))


def test_wrong_secret_is_for_a_person(sim: Simulator) -> None:
    """Entra's code is told, the secret is not."""
    wrong = ClientSecret(sim.tenant_id, sim.client_id, SecretStr("wr0ng"))
    with pytest.raises(HttpFatal) as caught:
        Arm(caller(sim, wrong)).subscriptions(deadline=Deadline(30))
    assert caught.value.reason == "signin_refused"
    assert "AADSTS7000215" in str(caught.value)
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "error", "reason"),
    [
        ("429_arg", Throttled, "throttled"),
        ("500_before", HttpRetry, "server_error"),
        ("502_html", HttpPark, "not_json"),
        ("truncated_200", HttpRetry, "truncated_answer"),
        ("reset_before", AnswerLost, "answer_lost"),
        ("reset_after_commit", AnswerLost, "answer_lost"),
        ("skip_token_expired", HttpRetry, "skip_token_expired"),
    ],
)
def test_faults_are_typed(sim: Simulator, kind: str, error: type[HttpError], reason: str) -> None:
    """Each fault asks for its own reaction, and the next try is whole."""
    fault(sim, kind)
    with pytest.raises(error) as caught:
        read(sim)
    assert caught.value.reason == reason
    assert len(read(sim)) == 3000


def test_real_limits_hold_a_budgeted_client_below_429(sim: Simulator, redis_client: redis.Redis) -> None:
    """Within 60% of the quota no page is refused; what is more waits or is parked."""
    scope = scope_of(sim)
    sim.control("POST", "/limits", json={"mode": "realistic"})
    budget = WindowBudget(redis_client, sim.tenant_id)
    pages = graph(sim, budget).pages(
        kql.ASSESSMENTS, AssessmentRow, scope, page_size=100, deadline=Deadline(60)
    )
    sim.control("POST", "/requests/reset")
    with pytest.raises(Park) as caught:
        list(pages)
    assert caught.value.reason == "quota_used_up"
    assert sim.control("GET", "/requests")["routes"]["arg.query"] == 9


def test_unbudgeted_client_meets_429(sim: Simulator) -> None:
    """Without a budget the real limit answers, and it is parked for the window."""
    scope = scope_of(sim)
    sim.control("POST", "/limits", json={"mode": "realistic"})
    pages = graph(sim).pages(kql.ASSESSMENTS, AssessmentRow, scope, page_size=100, deadline=Deadline(60))
    with pytest.raises(Throttled) as caught:
        list(pages)
    assert 0 < caught.value.seconds <= 60
