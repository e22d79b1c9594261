"""The generated tenant: repeatable, skewed, with tokens, clouds and texts as promised."""

import re
from collections import Counter
from typing import Any

import msgspec
import pytest

from services.simulator.azure import build, rows, ticks
from services.simulator.azure.cloud import AzureCloud
from services.simulator.azure.generate import quotas
from services.simulator.clock import Clock
from services.simulator.gate import Gate
from services.simulator.options import azure_options

TOKEN = re.compile(r"tk[rsac][0-9a-z]{4,8}")


def cloud(findings: int = 8000, seed: int = 5) -> AzureCloud:
    return build(azure_options(seed, findings, None, "none"), Gate(), Clock())


def whole(made: AzureCloud) -> bytes:
    world = made.state.world
    view = rows.View(world.tenant_id)
    return msgspec.json.encode([rows.assessment(finding, view) for finding in world.all_findings()])


@pytest.fixture(scope="module")
def facts() -> list[dict[str, Any]]:
    return list(cloud().findings({}))


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Two builds of one seed are equal; another seed differs."""
    assert whole(cloud(1500)) == whole(cloud(1500))
    assert whole(cloud(1500)) != whole(cloud(1500, seed=6))


@pytest.mark.parametrize("findings", [0, 1, 7, 19, 20, 1999, 5001])
def test_the_number_of_findings_is_exact(findings: int) -> None:
    """--findings counts rows of every status."""
    assert sum(1 for _ in cloud(findings).findings({})) == findings


def test_sizes_are_skewed_and_add_up() -> None:
    """The largest subscription is several times the smallest."""
    sizes = quotas(100_000, 50)
    assert sum(sizes) == 100_000
    assert sizes[0] > 10 * sizes[-1]


def test_statuses_are_mixed_as_promised(facts: list[dict[str, Any]]) -> None:
    """About 55% Unhealthy, 35% Healthy, 10% NotApplicable with causes."""
    counted = Counter(fact["code"] for fact in facts)
    assert counted["Unhealthy"] / len(facts) == pytest.approx(0.55, abs=0.03)
    assert counted["Healthy"] / len(facts) == pytest.approx(0.35, abs=0.03)
    assert {fact["cause"] for fact in facts if fact["code"] == "NotApplicable"} >= {"OffByPolicy", "Exempt"}


def test_few_recommendations_have_very_many_resources(facts: list[dict[str, Any]]) -> None:
    """Ten recommendations hold over a third; there is a long tail."""
    counted = Counter(fact["recommendation"] for fact in facts)
    assert len(counted) > 100
    assert sum(count for _, count in counted.most_common(10)) > len(facts) / 3
    assert sum(1 for count in counted.values() if count <= 10) > 20


def test_every_name_carries_its_own_token(facts: list[dict[str, Any]]) -> None:
    """Titles, subscriptions and resources carry tokens, each of them unique; accounts are in resource ids."""
    for kind, name in (("recommendation", "title"), ("subscription", "subscription_name")):
        tokens = {fact[kind]: fact[f"{kind}_token"] for fact in facts}
        assert len(set(tokens.values())) == len(tokens)
        assert all(fact[f"{kind}_token"] in fact[name] for fact in facts)
    resources = {fact["resource"]: fact["resource_token"] for fact in facts}
    assert len(set(resources.values())) == len(resources)
    assert all(TOKEN.search(fact["resource_name"]) for fact in facts)
    accounts = [fact for fact in facts if fact["account_token"]]
    assert accounts
    assert all(fact["account_token"] in fact["resource"] for fact in accounts)


def test_all_clouds_and_kinds_are_there(facts: list[dict[str, Any]]) -> None:
    """All clouds, Arc, identity on subscriptions, vulnerabilities, previews, no risk without CSPM."""
    assert {fact["source"] for fact in facts} == {"Azure", "Aws", "Gcp", "OnPremise", "OnPremiseSql"}
    assert any("microsoft.hybridcompute" in fact["resource"] for fact in facts)
    identity = [fact for fact in facts if fact["resource_type"] == "microsoft.resources/subscriptions"]
    assert {"IdentityAndAccess"} <= {category for fact in identity for category in fact["categories"]}
    assert any("Vulnerabilities" in fact["categories"] for fact in facts)
    assert any(fact["preview"] for fact in facts)
    without = {fact["subscription"] for fact in facts if fact["risk"] is None}
    assert without
    assert all(fact["risk"] is None for fact in facts if fact["subscription"] in without)
    assert {fact["severity"] for fact in facts} >= {"Low", "Medium", "High"}


def test_texts_exceed_any_field_and_carry_html_and_unicode() -> None:
    """Some remediation is longer than 65,535 characters, a title than 255; HTML and Unicode occur."""
    found = cloud(10).state.world.recommendations.values()
    assert max(len(item.remediation or "") for item in found) > 65_535
    assert max(len(item.description) for item in found) > 4_000
    assert max(len(item.title) for item in found) > 255
    assert any("<a href=" in (item.remediation or "") for item in found)
    assert any(not item.title.isascii() for item in found)
    assert any(item.severity is None for item in found)


def test_on_premises_rows_have_no_id_in_their_details() -> None:
    """OnPremise details are workspace, vmuuid, computer and machine name; the id stands in the row only."""
    world = cloud().state.world
    finding = next(item for item in world.all_findings() if item.resource.source == "OnPremise")
    details = rows.assessment(finding, rows.View("t"))["properties"]["resourceDetails"]
    assert details.keys() == {"Source", "WorkspaceId", "VMUUID", "SourceComputerId", "MachineName"}


def test_fast_columns_equal_the_whole_row() -> None:
    """What is read without building the row is what the row shows."""
    view = rows.View("t")
    for finding in list(cloud(300).state.world.all_findings()):
        row = rows.assessment(finding, view)
        for path, get in rows.FAST.items():
            value: Any = row
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None
            assert get(finding) == value, path


def test_rows_are_sorted_by_id_and_found_by_it() -> None:
    """A subscription's rows are in order; each is found by its id in any casing."""
    world = cloud(1000).state.world
    for subscription in world.subscriptions.values():
        ids = [finding.id for finding in world.rows(subscription)]
        assert ids == sorted(ids)
        assert all(world.finding(item.upper()) is not None for item in ids[:20])


def test_ticks_have_seven_digits() -> None:
    """Times are written as .NET writes them and read back exactly."""
    value = ticks.from_text("2021-04-12T09:07:18.6759138Z", 0)
    assert ticks.text(value) == "2021-04-12T09:07:18.6759138Z"
    assert ticks.text(ticks.from_text("2021-04-12T09:07:18Z", 0)) == "2021-04-12T09:07:18.0000000Z"
    assert ticks.from_text("not a time", 5) == 5
