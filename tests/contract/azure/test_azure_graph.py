"""Resource Graph's rules: paging, truncation, quota, payload, casing, refusals."""

import base64
from typing import Any

import pytest

from tests.contract.azure.client import PAGE, Azure

ROWS = "securityresources | where type =~ 'microsoft.security/assessments'"


def test_paging_gives_each_row_once_in_order_of_id(azure: Azure) -> None:
    """Skip tokens lead through all rows; totals agree; the last page has no token."""
    rows = azure.rows(PAGE, {"$top": 700})
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids)) == 3000
    assert ids == sorted(ids)
    assert azure.query(PAGE).json()["totalRecords"] == 3000


def test_the_default_page_has_100_rows(azure: Azure) -> None:
    """Without $top a page has 100 rows."""
    assert azure.post({"query": PAGE}).json()["count"] == 100


def test_a_skip_token_is_bound_to_query_and_scope(azure: Azure) -> None:
    """A token used with another query or scope is refused; garbage can't be decoded."""
    token = azure.query(PAGE).json()["$skipToken"]
    for response in (
        azure.query(PAGE + " ", {"$skipToken": token}),
        azure.query(PAGE, {"$skipToken": token}, managementGroups=["contoso"]),
    ):
        assert response.status_code == 400
        assert azure.details(response) == ["InvalidSkipToken"]
    garbage = azure.query(PAGE, {"$skipToken": base64.b64encode(b"x").decode()})
    assert azure.details(garbage) == ["CouldNotDecodeSkipToken"]


def test_without_id_a_result_is_truncated(azure: Azure) -> None:
    """No id projected: no token, 1,000 rows, resultTruncated is the string true."""
    answer = azure.query(f"{ROWS} | project name").json()
    assert (answer["count"], answer["totalRecords"], answer["resultTruncated"]) == (1000, 3000, "true")
    assert "$skipToken" not in answer


def test_an_unordered_result_without_id_is_not_repeatable(azure: Azure) -> None:
    """Without order and id the order differs from one answer to the next."""
    query = f"{ROWS} | project name, subscriptionId, title = properties.displayName"
    assert azure.query(query).json()["data"] != azure.query(query).json()["data"]


def test_table_and_object_array_agree(azure: Azure) -> None:
    """Both formats carry the same cells."""
    objects = azure.query(f"{PAGE} | limit 5").json()["data"]
    table = azure.query(f"{PAGE} | limit 5", {"resultFormat": "table"}).json()["data"]
    names = [column["name"] for column in table["columns"]]
    assert [dict(zip(names, row, strict=True)) for row in table["rows"]] == objects


@pytest.mark.parametrize("version", ["2021-03-01", "2022-10-01", "2024-04-01"])
def test_the_known_api_versions_are_served(azure: Azure, version: str) -> None:
    """Each published version answers."""
    assert azure.post({"query": f"{ROWS} | count"}, version).json()["data"] == [{"Count": 3000}]


def test_counts_by_subscription_equal_the_truth(azure: Azure) -> None:
    """`summarize count()` gives what the ground truth holds."""
    counted = azure.query(f"{ROWS} | summarize rows = count() by subscriptionId").json()["data"]
    truth: dict[str, int] = {}
    for fact in azure.sim.rows("/azure/findings"):
        truth[fact["subscription"]] = truth.get(fact["subscription"], 0) + 1
    assert {row["subscriptionId"]: row["rows"] for row in counted} == truth


def test_rows_are_found_by_id_in_any_casing(azure: Azure) -> None:
    """`id in~` finds exactly the ids asked for that still exist."""
    facts = [fact["id"] for fact in azure.sim.rows("/azure/findings")][:150]
    asked = [fact.upper() for fact in facts] + [
        "/subscriptions/none/providers/microsoft.security/assessments/x"
    ]
    listed = ", ".join(f"'{item}'" for item in asked)
    rows = azure.rows(f"{ROWS} | where id in~ ({listed}) | project id | order by id asc")
    assert [row["id"] for row in rows] == sorted(facts)


def test_key_casing_is_that_of_resource_graph(azure: Azure) -> None:
    """ResourceDetails has Id and Source; id and source are null there; the portal link has no scheme."""
    query = f"{ROWS} | where properties.resourceDetails.Source == 'Azure' | project id, p = properties, "
    row = azure.rows(query + "low = properties.resourceDetails.id | order by id asc | limit 1")[0]
    assert row["low"] is None
    assert row["p"]["resourceDetails"]["Id"].startswith("/subscriptions/")
    assert row["p"]["links"]["azurePortal"].startswith("portal.azure.com/")
    assert len(row["p"]["status"]["statusChangeDate"].split(".")[1]) == len("1234567Z")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("securityresources | where", "ParserFailure"),
        ("securityresources | where name = 'x'", "ParserFailure"),
        ("securityresources | parse id with *", "InvalidQueryLanguage"),
        ("securityresources | join kind=inner (resources) on id", "InvalidQueryLanguage"),
        ("securityresources | where extract('a', 1, id) == 'x'", "InvalidQueryLanguage"),
        ("securityresources | where id matches regex 'x'", "InvalidQueryLanguage"),
        ("securityresources | summarize max(name)", "InvalidQueryLanguage"),
        ("policyresources | limit 1", "DisallowedLogicalTableName"),
        ("securityresources | project nosuch", "SemanticError"),
        ("securityresources | summarize count() by properties.status.code", "SemanticError"),
        ("securityresources | order by properties.displayName asc", "SemanticError"),
        ("securityresources | project name.x", "SemanticError"),
    ],
)
def test_what_is_outside_the_subset_is_refused(azure: Azure, query: str, code: str) -> None:
    """Never a silent match: 400 BadRequest, InvalidQuery, and the reason."""
    response = azure.query(query)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "BadRequest"
    assert azure.details(response) == ["InvalidQuery", code]


@pytest.mark.parametrize(
    "body",
    [
        {"query": PAGE, "options": {"$top": 1001}},
        {"query": PAGE, "options": {"$top": 0}},
        {"query": PAGE, "options": {"$skip": -1}},
        {"query": PAGE, "options": {"resultFormat": "csv"}},
        {"query": PAGE, "subscriptions": [str(number) for number in range(1001)]},
        {"query": PAGE, "facets": [{"expression": "name"}]},
        {"subscriptions": []},
    ],
)
def test_bad_options_are_refused(azure: Azure, body: dict[str, Any]) -> None:
    """1 to 1,000 rows, at most 1,000 subscriptions, no body without query."""
    response = azure.post(body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "BadRequest"


def test_a_wrong_content_type_is_a_500(azure: Azure) -> None:
    """text/plain is answered with 500, as the real service does."""
    url = f"{azure.sim.azure}/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01"
    response = azure.session.post(
        url, data='{"query": "resources"}', headers={"Content-Type": "text/plain"}, timeout=30
    )
    assert response.status_code == 500


def test_an_unknown_scope_gives_nothing(azure: Azure) -> None:
    """A subscription or group that can't be seen is no error: 200 with no rows."""
    asked = {"subscriptions": "00000000-0000-0000-0000-000000000000", "managementGroups": "none"}
    for kind, name in asked.items():
        answer = azure.post({"query": PAGE, kind: [name]})
        assert (answer.status_code, answer.json()["totalRecords"]) == (200, 0)


def test_fifteen_queries_then_429(azure: Azure) -> None:
    """15 queries in 5 s pass and count down; the next is refused with RateLimiting and the time to wait."""
    azure.sim.control("POST", "/limits", {"mode": "realistic"})
    seen = [azure.query("resources | count").headers["x-ms-user-quota-remaining"] for _ in range(15)]
    assert seen == [str(number) for number in range(14, -1, -1)]
    refused = azure.query("resources | count")
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "RateLimiting"
    assert azure.details(refused) == ["RateLimiting"]
    assert refused.headers["x-ms-user-quota-resets-after"] in {"00:00:05", "00:00:04", "00:00:03"}
    assert "Retry-After" not in refused.headers


def test_the_payload_limit_is_the_real_one(azure: Azure) -> None:
    """A page that is too large is refused with ResponsePayloadTooLarge; half of it passes."""
    whole = len(azure.query(ROWS).content)
    azure.sim.control("POST", "/limits", {"mode": "none", "payload_bytes": whole // 2 + 100_000})
    refused = azure.query(ROWS)
    assert refused.status_code == 400
    assert azure.details(refused) == ["ResponsePayloadTooLarge"]
    assert azure.query(ROWS, {"$top": 300}).status_code == 200


def test_a_tenant_query_says_when_subscriptions_are_left_out(azure: Azure) -> None:
    """Beyond the tenant's limit a header says so and rows are missing."""
    assert "x-ms-tenant-subscription-limit-hit" not in azure.query(PAGE).headers
    azure.sim.control("POST", "/limits", {"mode": "none", "tenant_subscriptions": 1})
    answer = azure.query(PAGE)
    assert answer.headers["x-ms-tenant-subscription-limit-hit"] == "true"
    assert answer.json()["totalRecords"] < 3000


def test_containers_carry_state_ancestors_and_tags(azure: Azure) -> None:
    """The scope query of a management group lists its subscriptions with their chain up to the root."""
    query = (
        "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project id, "
        "name, subscriptionId, tenantId, state = properties.state, "
        "ancestors = properties.managementGroupAncestorsChain, "
        "tags | order by id asc"
    )
    rows = azure.rows(query, managementGroups=["contoso"])
    assert len(rows) == 2
    assert {row["state"] for row in rows} == {"Enabled"}
    for row in rows:
        names = [group["name"] for group in row["ancestors"]]
        assert names[-2:] == ["contoso", azure.sim.tenant_id]


def test_resources_answer_tags_and_whether_a_resource_is_gone(azure: Azure) -> None:
    """An Azure resource is found in `resources` with its tags, and no more when it is deleted."""
    fact = next(fact for fact in azure.sim.rows("/azure/findings?source=Azure&kind=vm"))
    query = f"resources | where id =~ '{fact['resource']}' | project id, tags"
    assert azure.rows(query)[0]["id"].lower() == fact["resource"]
    azure.sim.control("POST", "/azure/change", {"op": "delete_resource", "id": fact["resource"]})
    assert azure.rows(query) == []
    assert azure.rows(f"{ROWS} | where id =~ '{fact['id']}' | project id") == []


def test_plans_of_all_subscriptions_are_one_query(azure: Azure) -> None:
    """The CloudPosture plan says where findings have a risk level."""
    query = (
        "securityresources | where type == 'microsoft.security/pricings' and name == 'CloudPosture' "
        "| project id, subscriptionId, tier = properties.pricingTier"
    )
    tiers = {row["subscriptionId"]: row["tier"] for row in azure.rows(query)}
    with_risk = {fact["subscription"] for fact in azure.sim.rows("/azure/findings") if fact["risk"]}
    assert {name for name, tier in tiers.items() if tier == "Standard"} == with_risk
