"""Answers validate against Microsoft's OpenAPI: assessments 2021-06-01, pricings, Resource Graph."""

import pytest

from tests.contract.azure import openapi
from tests.contract.azure.client import PAGE, Azure


def test_the_validator_finds_a_wrong_body() -> None:
    """A body without status.code breaks the definition: the check can fail."""
    broken = {"value": [{"id": "x", "properties": {"status": {}, "resourceDetails": {"source": "Azure"}}}]}
    assert openapi.errors(broken, openapi.ASSESSMENTS, "SecurityAssessmentList")


def test_assessment_lists_validate(azure: Azure) -> None:
    """Each page of the subscriptions' and the management group's lists is valid."""
    subscription = azure.rows(
        "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project id"
    )
    for scope in (subscription[0]["id"], "/providers/Microsoft.Management/managementGroups/contoso"):
        answer = azure.get(f"{scope}/providers/Microsoft.Security/assessments", "2021-06-01")
        assert answer.status_code == 200
        assert openapi.errors(answer.json(), openapi.ASSESSMENTS, "SecurityAssessmentList") == []
        assert all("risk" not in item["properties"] for item in answer.json()["value"])


def test_list_pages_add_up(azure: Azure) -> None:
    """Following nextLink gives every assessment of the management group once."""
    url = "/providers/Microsoft.Management/managementGroups/contoso/providers/Microsoft.Security/assessments"
    answer = azure.get(url, "2021-06-01").json()
    ids = [item["id"] for item in answer["value"]]
    while "nextLink" in answer:
        answer = azure.session.get(answer["nextLink"], timeout=30).json()
        ids += [item["id"] for item in answer["value"]]
    assert len(ids) == len(set(ids)) == 3000


def test_a_single_assessment_validates(azure: Azure) -> None:
    """GET with both expansions is valid and carries the portal link and the metadata."""
    row = azure.rows("securityresources | project id | limit 1")[0]
    answer = azure.get(row["id"], "2021-06-01", **{"$expand": "links,metadata"})
    assert answer.status_code == 200
    body = answer.json()
    assert openapi.errors(body, openapi.ASSESSMENTS, "SecurityAssessmentResponse") == []
    assert body["properties"]["links"]["azurePortalUri"].startswith("https://portal.azure.com/")
    assert body["properties"]["metadata"]["displayName"] == body["properties"]["displayName"]


@pytest.mark.parametrize("subscription", [True, False])
def test_metadata_lists_validate(azure: Azure, subscription: bool) -> None:
    """Tenant and subscription metadata are valid, single ones too; custom ones are a subscription's."""
    row = azure.rows("resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project id")[0]
    path = f"{row['id'] if subscription else ''}/providers/Microsoft.Security/assessmentMetadata"
    body = azure.get(path, "2021-06-01").json()
    assert openapi.errors(body, openapi.METADATA, "SecurityAssessmentMetadataResponseList") == []
    kinds = {item["properties"]["assessmentType"] for item in body["value"]}
    assert ("CustomPolicy" in kinds) is subscription
    one = azure.get(f"{path}/{body['value'][0]['name']}", "2021-06-01").json()
    assert one == body["value"][0]
    assert openapi.errors(one, openapi.METADATA, "SecurityAssessmentMetadataResponse") == []


def test_pricings_validate(azure: Azure) -> None:
    """The plans of a subscription are valid."""
    row = azure.rows("resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project id")[0]
    body = azure.get(f"{row['id']}/providers/Microsoft.Security/pricings", "2024-01-01").json()
    assert openapi.errors(body, openapi.PRICINGS, "PricingList") == []


def test_resource_graph_answers_validate(azure: Azure) -> None:
    """A page and a refusal have the shapes of the specification."""
    page = azure.query(PAGE).json()
    assert openapi.errors(page, openapi.GRAPH, "QueryResponse") == []
    assert page["$skipToken"]
    refused = azure.query("securityresources | nonsense")
    assert refused.status_code == 400
    assert openapi.errors(refused.json(), openapi.GRAPH, "ErrorResponse") == []
