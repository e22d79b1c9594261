"""`--load`: Microsoft's own example payloads, and plain rows, are served instead of a generated world."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.azure import openapi
from tests.contract.azure.client import PAGE, Azure
from tests.simulator import Simulator

EXAMPLES = Path(__file__).resolve().parents[2] / "data" / "azure" / "examples"
SUBSCRIPTION = "20ff7fc3-e762-44dd-bd96-b71116dcdc23"
ROW: dict[str, Any] = {
    "id": "/subscriptions/11111111-2222-3333-4444-555555555555/resourcegroups/rg/providers/"
    "microsoft.security/securityconnectors/c/securityentitydata/aws-instances-i-0abc-us-east-1/providers/Microsoft.Security/assessments/k1",
    "name": "k1",
    "type": "microsoft.security/assessments",
    "tenantId": "t",
    "resourceGroup": "rg",
    "subscriptionId": "11111111-2222-3333-4444-555555555555",
    "properties": {
        "displayName": "EC2 instances should not have a public IP",
        "resourceDetails": {"Source": "Aws", "Id": "x", "HierarchyId": "544047870946", "Unknown": {"a": [1]}},
        "status": {"code": "Unhealthy", "statusChangeDate": "2026-01-02T03:04:05.1234567Z"},
        "metadata": {"severity": "Critical", "displayName": "EC2 instances should not have a public IP"},
        "risk": {"level": "High"},
    },
}


MALFORMED: list[dict[str, Any]] = [
    {**ROW, "id": ROW["id"].replace("k1", "k2"), "name": "k2", "properties": None},
    {**ROW, "id": ROW["id"].replace("k1", "k3"), "name": "k3", "properties": {"status": {"code": "Sleepy"}}},
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """A simulator over Microsoft's example files and one file of plain rows."""
    directory = tmp_path_factory.mktemp("payloads")
    (directory / "examples").symlink_to(EXAMPLES)
    (directory / "rows.json").write_text(json.dumps([ROW, *MALFORMED]))
    for source in EXAMPLES.rglob("*.json"):
        (directory / source.name).write_bytes(source.read_bytes())
    with Simulator(findings=0, arguments=("--load", str(directory))) as sim:
        client = Azure(sim)
        yield client
        client.session.close()


def test_examples_become_rows_in_resource_graphs_casing(loaded: Azure) -> None:
    """The listed assessments are there with Id and Source, their metadata joined, the rest as given."""
    query = "securityresources | where type =~ 'microsoft.security/assessments' | order by id asc"
    rows = {row["id"].lower(): row for row in loaded.rows(query)}
    given = json.loads(next(EXAMPLES.rglob("ListAssessments_example.json")).read_text())
    for item in given["responses"]["200"]["body"]["value"]:
        row = rows[item["id"].lower()]
        assert row["properties"]["status"] == item["properties"]["status"]
        assert row["properties"]["resourceDetails"]["Id"] == item["properties"]["resourceDetails"]["id"]
        assert row["properties"]["resourceDetails"]["Source"] == "Azure"
        assert row["subscriptionId"] == SUBSCRIPTION
        assert row["properties"]["metadata"]["severity"] == "Medium"


def test_plain_rows_are_served_as_given(loaded: Azure) -> None:
    """A row in Resource Graph's shape keeps every key."""
    found = loaded.rows(f"securityresources | where name == '{ROW['name']}'")
    assert len(found) == 1
    assert {key: found[0][key] for key in ROW} == ROW


def test_malformed_rows_are_served_as_given(loaded: Azure) -> None:
    """Null properties and unknown values come through, for readers to prove themselves on."""
    for row in MALFORMED:
        found = loaded.rows(f"securityresources | where name == '{row['name']}'")
        assert [item["properties"] for item in found] == [row["properties"]]


def test_malformed_rows_survive_churn_and_arm(loaded: Azure) -> None:
    """Modes and ARM lists don't stumble over them."""
    names = ("case_flips", "timestamp_churn", "order_churn", "risk_path_churn")
    loaded.sim.control("POST", "/modes", dict.fromkeys(names, True))
    assert loaded.query("securityresources").status_code == 200
    scope = f"/subscriptions/{ROW['subscriptionId']}"
    assert loaded.get(f"{scope}/providers/Microsoft.Security/assessments", "2025-05-04").status_code == 200
    loaded.sim.control("POST", "/reset")


def test_the_collectors_projection_works_on_examples(loaded: Azure) -> None:
    """The projected columns come from the payloads."""
    rows = loaded.rows(PAGE)
    assert {row["code"] for row in rows} == {"Healthy", "NotApplicable", "Unhealthy", "Sleepy", None}
    assert [row["risk"] for row in rows if row["name"] == "k1"] == ["High"]


def test_examples_are_served_by_arm_and_still_validate(loaded: Azure) -> None:
    """Lists, metadata and pricings of the examples come back through ARM and are valid."""
    scope = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Security"
    listed = loaded.get(f"{scope}/assessments", "2021-06-01").json()
    assert len(listed["value"]) >= 2
    assert openapi.errors(listed, openapi.ASSESSMENTS, "SecurityAssessmentList") == []
    metadata = loaded.get(f"{scope}/assessmentMetadata", "2021-06-01").json()
    given = json.loads(next(EXAMPLES.rglob("ListAssessmentsMetadata_example.json")).read_text())
    expected = {item["name"]: item["properties"] for item in given["responses"]["200"]["body"]["value"]}
    for item in metadata["value"]:
        if item["name"] in expected:
            assert item["properties"] == expected[item["name"]]
    assert expected.keys() <= {item["name"] for item in metadata["value"]}


def test_example_plans_are_served_under_their_subscriptions(loaded: Azure) -> None:
    """Each plan of the example, one of which lacks the leading slash in its id, is listed as given."""
    given = json.loads(next(EXAMPLES.rglob("ListPricings_example.json")).read_text())
    served: list[Any] = []
    for subscription in loaded.get("/subscriptions", "2022-12-01").json()["value"]:
        path = f"{subscription['id']}/providers/Microsoft.Security/pricings"
        served += loaded.get(path, "2024-01-01").json()["value"]
    names = {plan["name"] for plan in served}
    assert {plan["name"] for plan in given["responses"]["200"]["body"]["value"]} <= names


def test_the_assessed_resources_exist_until_deleted(loaded: Azure) -> None:
    """An assessed Azure resource has a row in `resources`, and none once it is deleted."""
    row = next(row for row in loaded.rows(PAGE) if "virtualmachinescalesets" in row["id"].lower())
    resource = row["id"].lower().partition("/providers/microsoft.security/")[0]
    query = f"resources | where id =~ '{resource}' | project id"
    assert len(loaded.rows(query)) == 1
    loaded.sim.control("POST", "/azure/change", {"op": "delete_resource", "id": resource})
    assert loaded.rows(query) == []
    loaded.sim.control("POST", "/reset")
    assert len(loaded.rows(query)) == 1


def test_loaded_findings_can_change(loaded: Azure) -> None:
    """A fix shows in the served row; the rest of it stays."""
    changed = loaded.sim.control("POST", "/azure/change", {"op": "fix", "id": ROW["id"]})
    assert changed["count"] == 1
    row = loaded.rows("securityresources | where name == 'k1'")[0]
    assert row["properties"]["status"]["code"] == "Healthy"
    assert row["properties"]["risk"] == {"level": "High"}
    loaded.sim.control("POST", "/reset")
