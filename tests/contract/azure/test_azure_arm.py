"""ARM's and Entra's refusals, headers and quotas."""

from typing import Any

import pytest
import requests

from tests.contract.azure.client import Azure

SUBSCRIPTIONS = (
    "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project id, subscriptionId"
)


def first(azure: Azure) -> str:
    return str(azure.rows(SUBSCRIPTIONS)[0]["id"])


def sign_in(azure: Azure, **form: str) -> requests.Response:
    base = {
        "grant_type": "client_credentials",
        "client_id": azure.sim.client_id,
        "client_secret": azure.sim.client_secret,
        "scope": "https://management.azure.com/.default",
    }
    url = f"{azure.sim.login}/{azure.sim.tenant_id}/oauth2/v2.0/token"
    return azure.session.post(url, data={**base, **form}, timeout=30)


@pytest.mark.parametrize(
    ("form", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"grant_type": ""}, 400, "invalid_request", 900144),
        ({"scope": "https://management.azure.com/user_impersonation"}, 400, "invalid_scope", 1002012),
        ({"scope": "https://nowhere.example/.default"}, 400, "invalid_resource", 500011),
    ],
)
def test_entra_refuses_with_its_codes(
    azure: Azure, form: dict[str, str], status: int, error: str, code: int
) -> None:
    """Error, AADSTS code, trace and correlation ids, timestamp and error_uri are all there."""
    response = sign_in(azure, **form)
    body = response.json()
    assert (response.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert (
        f"Trace ID: {body['trace_id']} Correlation ID: {body['correlation_id']}" in body["error_description"]
    )
    assert body["error_uri"].endswith(f"?code={code}")


def test_an_unknown_tenant_is_refused(azure: Azure) -> None:
    """Discovery and token of another tenant: AADSTS90002."""
    other = "00000000-0000-0000-0000-000000000001"
    response = azure.session.get(
        f"{azure.sim.login}/{other}/v2.0/.well-known/openid-configuration", timeout=30
    )
    assert (response.status_code, response.json()["error_codes"]) == (400, [90002])


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "AuthenticationFailed"),
        ("Bearer abc", "InvalidAuthenticationToken"),
        ("Bearer a.ß.c", "InvalidAuthenticationToken"),
        ("Basic dXNlcjpwYXNz", "InvalidAuthenticationToken"),
    ],
)
def test_a_bad_token_is_a_401_with_challenge(azure: Azure, header: str | None, code: str) -> None:
    """No token, garbage, or another scheme."""
    headers: dict[str, Any] = {"Authorization": header.encode() if header else None}
    url = f"{azure.sim.azure}/subscriptions?api-version=2022-12-01"
    response = azure.session.get(url, headers=headers, timeout=30)
    assert (response.status_code, response.json()["error"]["code"]) == (401, code)
    assert response.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


def test_a_token_for_another_audience_is_refused(azure: Azure) -> None:
    """A Graph token is no ARM token."""
    token = sign_in(azure, scope="https://graph.microsoft.com/.default").json()["access_token"]
    azure.session.headers["Authorization"] = f"Bearer {token}"
    for response in (azure.get("/subscriptions", "2022-12-01"), azure.query("resources | count")):
        assert response.status_code == 401
        error = response.json()["error"]
        assert error["code"] == "InvalidAuthenticationTokenAudience"
        assert "'https://graph.microsoft.com'" in error["message"]


def test_an_expired_token_is_refused(azure: Azure) -> None:
    """After more than an hour of simulated time the token is ExpiredAuthenticationToken; a new one works."""
    azure.sim.control("POST", "/clock", {"advance": 3700})
    refused = azure.get("/subscriptions", "2022-12-01")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "ExpiredAuthenticationToken")
    azure.session.headers.update(azure.sim.azure_headers())
    assert azure.get("/subscriptions", "2022-12-01").status_code == 200


def test_subscriptions_are_listed_and_got(azure: Azure) -> None:
    """The list has all; each can be read alone; an unknown one is SubscriptionNotFound."""
    listed = azure.get("/subscriptions", "2022-12-01").json()["value"]
    assert {item["id"] for item in listed} == {row["id"] for row in azure.rows(SUBSCRIPTIONS)}
    assert azure.get(listed[0]["id"].upper(), "2022-12-01").json() == listed[0]
    missing = azure.get("/subscriptions/00000000-0000-0000-0000-000000000000", "2022-12-01")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "SubscriptionNotFound")


def test_api_versions_are_checked(azure: Azure) -> None:
    """None and unknown versions are refused with ARM's codes."""
    path = f"{first(azure)}/providers/Microsoft.Security/assessments"
    missing = azure.session.get(f"{azure.sim.azure}{path}", timeout=30)
    assert (missing.status_code, missing.json()["error"]["code"]) == (400, "MissingApiVersionParameter")
    unknown = azure.get(path, "2018-06-01")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, "InvalidApiVersionParameter")


def test_what_is_not_simulated_is_a_404(azure: Azure) -> None:
    """An unknown provider path is no silent success."""
    assert (
        azure.get(f"{first(azure)}/providers/Microsoft.Security/secureScores", "2020-01-01").status_code
        == 404
    )


def test_reads_count_down_and_are_throttled(azure: Azure) -> None:
    """249 and 3749 reads are left after the first; an empty bucket is 429 with Retry-After."""
    path = f"{first(azure)}/providers/Microsoft.Security/pricings"
    azure.sim.control("POST", "/limits", {"mode": "realistic"})
    answer = azure.get(path, "2024-01-01")
    assert answer.headers["x-ms-ratelimit-remaining-subscription-reads"] == "249"
    assert answer.headers["x-ms-ratelimit-remaining-subscription-global-reads"] == "3749"
    azure.sim.control("POST", "/limits", {"mode": "realistic", "arm_bucket": 2, "arm_refill": 0.5})
    codes = [azure.get(path, "2024-01-01").status_code for _ in range(3)]
    refused = azure.get(path, "2024-01-01")
    assert codes == [200, 200, 429]
    assert refused.json()["error"]["code"] == "SubscriptionRequestsThrottled"
    assert int(refused.headers["Retry-After"]) >= 1


def test_a_lost_role_is_403_at_arm(azure: Azure) -> None:
    """Where Resource Graph is silent, ARM says AuthorizationFailed."""
    scope = first(azure)
    azure.sim.control("POST", "/modes", {"role_lost": {"subscriptions": [scope.rsplit("/", 1)[1]]}})
    refused = azure.get(f"{scope}/providers/Microsoft.Security/assessments", "2021-06-01")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "AuthorizationFailed")
    assert len(azure.rows(SUBSCRIPTIONS)) == 1


def test_both_versions_agree_but_for_risk(azure: Azure) -> None:
    """2025-05-04 shows risk; without it the bodies of an Azure resource equal 2021-06-01's."""
    row = azure.rows(
        "securityresources | where isnotnull(properties.risk) "
        "| project id, source = properties.resourceDetails.Source "
        "| where source == 'Azure'"
    )[0]
    old, new = (azure.get(row["id"], version).json() for version in ("2021-06-01", "2025-05-04"))
    assert new["properties"].pop("risk")["level"] in {"None", "Low", "Medium", "High", "Critical"}
    assert new == old
