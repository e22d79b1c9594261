"""Churn, malice and changes, as a reader sees them."""

from typing import Any

from tests.contract.azure.client import PAGE, Azure

ROWS = "securityresources | where type =~ 'microsoft.security/assessments'"
WHOLE = f"{ROWS} | order by id asc | limit 200"


def modes(azure: Azure, **values: Any) -> None:
    azure.sim.control("POST", "/modes", values)


def change(azure: Azure, op: str, **what: Any) -> dict[str, Any]:
    answer: dict[str, Any] = azure.sim.control("POST", "/azure/change", {"op": op, **what})
    return answer


def facts(azure: Azure, query: str = "") -> list[dict[str, Any]]:
    return list(azure.sim.rows(f"/azure/findings{query}"))


def test_an_unchanged_world_reads_the_same(azure: Azure) -> None:
    """Without modes two readings are equal."""
    assert azure.rows(WHOLE) == azure.rows(WHOLE)


def test_id_casing_flips_between_readings(azure: Azure) -> None:
    """Ids come in another casing in each reading, in one casing within a reading, and name the same rows."""
    modes(azure, case_flips=True)
    first, second = ([row["id"] for row in azure.rows(PAGE, {"$top": 900})] for _ in range(2))
    assert first != second
    assert [item.lower() for item in first] == [item.lower() for item in second]


def test_timestamps_churn(azure: Azure) -> None:
    """StatusChangeDate moves though nothing else does."""
    modes(azure, timestamp_churn=True)
    first, second = azure.rows(WHOLE), azure.rows(WHOLE)
    for one, other in zip(first, second, strict=True):
        times = [row["properties"]["status"].pop("statusChangeDate") for row in (one, other)]
        assert times[0] != times[1]
    assert first == second


def test_array_order_churns(azure: Azure) -> None:
    """Arrays are turned round; their members stay."""
    modes(azure, order_churn=True)
    first, second = azure.rows(WHOLE), azure.rows(WHOLE)
    assert first != second
    for one, other in zip(first, second, strict=True):
        lists = [row["properties"]["metadata"].get("tactics", []) for row in (one, other)]
        assert sorted(lists[0]) == sorted(lists[1])


def test_risk_paths_churn(azure: Azure) -> None:
    """Attack path references change while the level stays."""
    modes(azure, risk_path_churn=True)
    query = f"{ROWS} | project id, risk = properties.risk | where risk.level == 'Critical' | order by id asc"
    first, second = azure.rows(query), azure.rows(query)
    assert [row["risk"]["level"] for row in first] == [row["risk"]["level"] for row in second]
    assert first != second


def test_a_row_comes_twice_or_is_missing_across_pages(azure: Azure) -> None:
    """At the first page boundary one row is repeated, or one is left out; totals keep quiet about it."""
    modes(azure, row_twice=True)
    twice = [row["id"] for row in azure.rows(PAGE)]
    assert (len(twice), len(set(twice))) == (3001, 3000)
    modes(azure, row_twice=False, row_missing=True)
    missing = [row["id"] for row in azure.rows(PAGE)]
    assert (len(missing), len(set(missing))) == (2999, 2999)
    assert azure.query(PAGE).json()["totalRecords"] == 3000


def test_a_lost_role_answers_200_with_nothing(azure: Azure) -> None:
    """Rows of the subscription vanish without an error; the subscription itself can stay listed."""
    subscription = facts(azure)[0]["subscription"]
    modes(azure, role_lost={"subscriptions": [subscription], "keep_container": True})
    answer = azure.query(PAGE, subscriptions=[subscription])
    assert (answer.status_code, answer.json()["data"]) == (200, [])
    assert (
        len(azure.rows("resourcecontainers | where type == 'microsoft.resources/subscriptions' | project id"))
        == 2
    )
    modes(azure, role_lost="all")
    assert azure.rows("resourcecontainers | project id") == []


def test_truncated_results_say_so(azure: Azure) -> None:
    """ResultTruncated is true, rows are missing and there is no token."""
    modes(azure, results_truncated=True)
    answer = azure.query(PAGE).json()
    assert answer["resultTruncated"] == "true"
    assert answer["count"] < 1000
    assert "$skipToken" not in answer


def test_rows_deleted_between_pages_shift_the_rest(azure: Azure) -> None:
    """A skip token is an offset over live data: what is deleted before it makes a later row slip through."""
    first = azure.query(PAGE).json()
    resource = next(
        fact["resource"] for fact in facts(azure, "?kind=vm") if fact["id"] <= first["data"][500]["id"]
    )
    gone = change(azure, "delete_resource", id=resource)["findings"]
    second = azure.query(PAGE, {"$skipToken": first["$skipToken"]}).json()
    third = azure.query(PAGE, {"$skipToken": second["$skipToken"]}).json()
    seen = {row["id"] for page in (first, second, third) for row in page["data"]}
    assert len(seen) == 3000 - len(gone)
    assert len({fact["id"] for fact in facts(azure)} - seen) == len(gone)


def test_fixes_and_regressions_show(azure: Azure) -> None:
    """A share of Unhealthy findings turns Healthy at the simulated now, and back."""
    before = facts(azure, "?code=Unhealthy")
    fixed = change(azure, "fix", share=0.1, seed=3)
    assert 0 < fixed["count"] < len(before)
    row = azure.rows(f"{ROWS} | where id =~ '{fixed['changed'][0]}' | project id, s = properties.status")[0]
    assert row["s"]["code"] == "Healthy"
    assert row["s"]["statusChangeDate"] > "2026"
    assert change(azure, "unfix", ids=fixed["changed"])["count"] == fixed["count"]
    assert {fact["id"] for fact in facts(azure, "?code=Unhealthy")} == {fact["id"] for fact in before}


def test_exemptions_name_their_cause(azure: Azure) -> None:
    """An exempted finding is NotApplicable, cause Exempt, with the category in words."""
    changed = change(azure, "exempt", count=1, category="mitigated")["changed"][0]
    row = azure.rows(f"{ROWS} | where id =~ '{changed}' | project id, s = properties.status")[0]
    assert (row["s"]["code"], row["s"]["cause"]) == ("NotApplicable", "Exempt")
    assert "Mitigated" in row["s"]["description"]
    query = "securityresources | where type == 'microsoft.security/standardassignments' "
    query += "| project id, p = properties"
    resource = changed.partition("/providers/Microsoft.Security/")[0]
    assignment = next(item for item in azure.rows(query) if item["id"].startswith(f"{resource}/providers/"))
    assert assignment["p"]["exemptionData"]["exemptionCategory"] == "mitigated"


def test_risk_can_be_raised(azure: Azure) -> None:
    """raise_risk moves findings of subscriptions with CSPM up to the level."""
    changed = change(azure, "raise_risk", count=3, level="Critical")["changed"]
    assert len(changed) == 3
    assert {fact["risk"] for fact in facts(azure) if fact["id"] in changed} == {"Critical"}


def test_new_findings_appear(azure: Azure) -> None:
    """new_finding adds Unhealthy findings on new resources with their own tokens."""
    known = {fact["id"] for fact in facts(azure)}
    changed = change(azure, "new_finding", count=5)["changed"]
    fresh = [fact for fact in facts(azure) if fact["id"] not in known]
    assert {fact["id"] for fact in fresh} == set(changed)
    assert len({fact["resource_token"] for fact in fresh}) == 5
    assert {fact["code"] for fact in fresh} == {"Unhealthy"}


def test_a_retired_recommendation_vanishes(azure: Azure) -> None:
    """Its rows and its metadata are gone."""
    key = facts(azure)[0]["recommendation"]
    change(azure, "retire_recommendation", id=key)
    assert azure.rows(f"{ROWS} | where name == '{key}' | project id") == []
    assert (
        azure.get(f"/providers/Microsoft.Security/assessmentMetadata/{key}", "2021-06-01").status_code == 404
    )
    change(azure, "restore_recommendation", id=key)
    assert azure.rows(f"{ROWS} | where name == '{key}' | project id")


def test_subscriptions_come_go_move_and_sleep(azure: Azure) -> None:
    """add, move, disable and remove show in the scope query and in the rows."""
    query = (
        "resourcecontainers | where type == 'microsoft.resources/subscriptions' "
        "| project id, subscriptionId, state = properties.state"
    )
    added = change(azure, "add_subscription", findings=30, to="sandbox")["changed"][0]
    assert len(azure.rows(PAGE, subscriptions=[added])) == 30
    assert added in [row["subscriptionId"] for row in azure.rows(query, managementGroups=["sandbox"])]
    change(azure, "move_subscription", id=added, to="corp")
    assert added in [row["subscriptionId"] for row in azure.rows(query, managementGroups=["corp"])]
    change(azure, "disable_subscription", id=added)
    assert {row["state"] for row in azure.rows(query, subscriptions=[added])} == {"Disabled"}
    assert azure.rows(PAGE, subscriptions=[added]) == []
    change(azure, "remove_subscription", id=added)
    assert azure.rows(query, subscriptions=[added]) == []


def test_reset_brings_the_seed_back(azure: Azure) -> None:
    """After changes and modes, reset gives the same bytes as at the start."""
    before = azure.rows(WHOLE)
    change(azure, "fix", share=0.5, seed=1)
    modes(azure, case_flips=True)
    azure.sim.control("POST", "/reset")
    assert azure.rows(WHOLE) == before


def test_mistakes_in_changes_are_named(azure: Azure) -> None:
    """An unknown op, mode or group is a 400 with a sentence."""
    for path, body in (
        ("/azure/change", {"op": "explode"}),
        ("/azure/change", {"op": "move_subscription", "to": "nowhere"}),
        ("/azure/change", {"op": "raise_risk", "level": "Severe"}),
        ("/modes", {"no_such_mode": True}),
    ):
        assert azure.sim.call("POST", path, body).status_code == 400


def test_rows_can_be_padded_and_are_the_same_each_time(azure: Azure) -> None:
    """`row_padding` makes every row longer, in a column that tells nothing, and the same in each reading."""
    query = f"{ROWS} | project id, connectorId = properties.resourceDetails.ConnectorId | order by id asc"
    plain = azure.query(query).json()["data"]
    modes(azure, row_padding=5000)
    first, second = (azure.query(query).json()["data"] for _ in range(2))
    assert first == second
    longer = [
        len(row["connectorId"]) - len(old["connectorId"] or "") for row, old in zip(first, plain, strict=True)
    ]
    assert set(longer) == {5000}
    assert len({row["connectorId"] for row in first}) > len(first) // 2
