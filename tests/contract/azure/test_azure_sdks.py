"""Microsoft's clients run unchanged: azure-identity, azure-mgmt-resourcegraph 8.0.1 and -security 8.0.0b2."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential, WorkloadIdentityCredential
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions
from azure.mgmt.security import SecurityManagementClient

from tests.simulator import Simulator

SCOPE = "https://management.azure.com/.default"
ASSESSMENTS = (
    "securityresources | where type =~ 'microsoft.security/assessments' | project id, name | order by id asc"
)


def credential(sim: Simulator, secret: str | None = None) -> ClientSecretCredential:
    return ClientSecretCredential(
        sim.tenant_id,
        sim.client_id,
        secret or sim.client_secret,
        authority=sim.login,
        disable_instance_discovery=True,
        connection_verify=sim.ca,
    )


def graph(sim: Simulator) -> ResourceGraphClient:
    return ResourceGraphClient(credential(sim), base_url=sim.azure, connection_verify=sim.ca)


def security(sim: Simulator, subscription: str) -> Any:
    return SecurityManagementClient(
        credential(sim), subscription, base_url=sim.azure, connection_verify=sim.ca
    )


def assertion(claims: dict[str, Any]) -> str:
    """A token as Kubernetes would project it; its signature is not looked at."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, b"signature"))


def test_client_secret_credential_gets_a_token(sim: Simulator) -> None:
    """ClientSecretCredential signs in unmodified and the token lasts about an hour."""
    token = credential(sim).get_token(SCOPE)
    assert token.token.count(".") == 2
    assert 3000 < token.expires_on - time.time() <= 3600


def test_workload_identity_credential_gets_a_token(sim: Simulator, tmp_path: Path) -> None:
    """WorkloadIdentityCredential exchanges its projected file for a token."""
    file = tmp_path / "token"
    claims = {
        "aud": ["api://AzureADTokenExchange"],
        "exp": int(time.time()) + 600,
        "sub": "system:serviceaccount:isthmus:collector",
    }
    file.write_text(assertion(claims))
    found = WorkloadIdentityCredential(
        tenant_id=sim.tenant_id,
        client_id=sim.client_id,
        token_file_path=str(file),
        authority=sim.login,
        disable_instance_discovery=True,
        connection_verify=sim.ca,
    )
    assert found.get_token(SCOPE).token


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "https://kubernetes.default.svc", "exp": 4102444800}, "AADSTS700212"),
        ({"aud": "api://AzureADTokenExchange", "exp": 1}, "AADSTS700024"),
    ],
)
def test_a_wrong_or_stale_assertion_is_refused(
    sim: Simulator, tmp_path: Path, claims: dict[str, Any], code: str
) -> None:
    """An assertion for another audience or past its time is refused with Entra's code."""
    file = tmp_path / "token"
    file.write_text(assertion(claims))
    found = WorkloadIdentityCredential(
        tenant_id=sim.tenant_id,
        client_id=sim.client_id,
        token_file_path=str(file),
        authority=sim.login,
        disable_instance_discovery=True,
        connection_verify=sim.ca,
    )
    with pytest.raises(ClientAuthenticationError, match=code):
        found.get_token(SCOPE)


def test_a_wrong_secret_is_refused(sim: Simulator) -> None:
    """A wrong secret gives AADSTS7000215 through azure-identity."""
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        credential(sim, "not the secret").get_token(SCOPE)


def test_resource_graph_client_reads_all_pages(sim: Simulator) -> None:
    """ResourceGraphClient follows skip tokens to as many rows as totalRecords says, each id once."""
    client = graph(sim)
    ids: list[str] = []
    token: str | None = None
    while True:
        options = QueryRequestOptions(top=700, skip_token=token, result_format="objectArray")
        answer = client.resources(QueryRequest(query=ASSESSMENTS, options=options))
        rows: Any = answer.data
        ids += [row["id"] for row in rows]
        token = answer.skip_token
        assert answer.result_truncated == "false"
        if token is None:
            break
    assert len(ids) == len(set(ids)) == answer.total_records == 3000


def test_resource_graph_client_reads_the_table_format(sim: Simulator) -> None:
    """The table format deserialises into columns and rows."""
    query = "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project id, name, tags"
    answer = graph(sim).resources(
        QueryRequest(query=query, options=QueryRequestOptions(result_format="table"))
    )
    data: Any = answer.data
    assert [column["name"] for column in data["columns"]] == ["id", "name", "tags"]
    assert [column["type"] for column in data["columns"]] == ["string", "string", "object"]
    assert len(data["rows"]) == answer.count == 2


def test_resource_graph_client_raises_on_a_bad_query(sim: Simulator) -> None:
    """A query that does not parse is an HttpResponseError with code BadRequest."""
    with pytest.raises(HttpResponseError) as caught:
        graph(sim).resources(QueryRequest(query="securityresources | wher x"))
    assert caught.value.status_code == 400
    assert caught.value.error is not None
    assert caught.value.error.code == "BadRequest"


def test_security_client_lists_assessments_of_the_new_version(sim: Simulator) -> None:
    """Every 2025-05-04 assessment of a subscription deserialises by the models, over nextLink pages."""
    subscription = next(iter(sim.rows("/azure/findings")))["subscription"]
    truth = {row["id"]: row for row in sim.rows(f"/azure/findings?subscription={subscription}")}
    found = list(security(sim, subscription).assessments.list(f"subscriptions/{subscription}"))
    assert len(found) == len(truth)
    for item in found:
        fact = truth[item.id]
        assert item.name == fact["recommendation"]
        assert item.properties.status.code == fact["code"]
        assert item.properties.status.status_change_date.tzinfo is not None
        assert item.properties.display_name == fact["title"]
        assert (item.properties.risk.level if item.properties.risk else None) == fact["risk"]
        assert item.properties.resource_details["source"] == fact["source"]


def test_security_client_gets_one_assessment_expanded(sim: Simulator) -> None:
    """A single assessment comes with links and metadata when they are asked for."""
    fact = next(row for row in sim.rows("/azure/findings") if row["source"] == "Azure" and row["severity"])
    client = security(sim, fact["subscription"])
    plain = client.assessments.get(fact["resource"].lstrip("/"), fact["recommendation"])
    assert plain.properties.metadata is None
    found = client.assessments.get(fact["resource"].lstrip("/"), fact["recommendation"], expand="metadata")
    assert found.properties.metadata.severity == fact["severity"]
    assert "<br>" in found.properties.metadata.remediation_description


def test_security_client_reads_metadata_and_pricings(sim: Simulator) -> None:
    """Tenant and subscription metadata and the CSPM plan deserialise."""
    fact = next(iter(sim.rows("/azure/findings")))
    client = security(sim, fact["subscription"])
    tenant = list(client.assessments_metadata.list())
    own = list(client.assessments_metadata.list_by_subscription())
    assert len(own) > len(tenant) > 100
    assert client.assessments_metadata.get(fact["recommendation"]).properties.display_name == fact["title"]
    plan = client.pricings.get(f"subscriptions/{fact['subscription']}", "CloudPosture")
    assert plan.properties.pricing_tier == ("Standard" if fact["risk"] else "Free")
    assert len(client.pricings.list(f"subscriptions/{fact['subscription']}").value) == 7


def test_security_client_raises_on_an_unknown_assessment(sim: Simulator) -> None:
    """A missing assessment is a ResourceNotFoundError."""
    fact = next(iter(sim.rows("/azure/findings")))
    with pytest.raises(ResourceNotFoundError):
        security(sim, fact["subscription"]).assessments.get(
            f"subscriptions/{fact['subscription']}", "no-such"
        )


def test_security_client_retries_a_throttled_read(sim: Simulator) -> None:
    """ARM's 429 carries Retry-After, so that the SDK waits and succeeds by itself."""
    subscription = next(iter(sim.rows("/azure/findings")))["subscription"]
    client = security(sim, subscription)
    sim.control("POST", "/limits", {"mode": "realistic", "arm_bucket": 1, "arm_refill": 1.0})
    try:
        for _ in range(3):
            assert client.pricings.list(f"subscriptions/{subscription}").value
    finally:
        sim.control("POST", "/limits", {"mode": "none"})
