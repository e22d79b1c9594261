"""Faults and barriers inside ServiceNow's Batch API and Resource Graph's paging, against the real process."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.simulator import Simulator

ARG = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01"
QUERY = "securityresources | where type =~ 'microsoft.security/assessments' | project id | order by id asc"
FAULTS_OF_A_PAGE = [
    ("429_arg", 429, "RateLimiting"),
    ("500_before", 500, "InternalServerError"),
    ("skip_token_expired", 400, "BadRequest"),
]


@pytest.fixture(scope="module")
def process() -> Iterator[Simulator]:
    """One process for all tests of this module."""
    with Simulator(findings=2500, seed=3) as sim:
        yield sim


@pytest.fixture
def sim(process: Simulator) -> Simulator:
    """The process, back at its seed."""
    process.control("POST", "/reset")
    return process


def _item(name: str) -> dict[str, Any]:
    body = {"correlation_id": f"isth:c1:incident:{name}:1", "short_description": name}
    return {
        "id": name,
        "method": "POST",
        "url": "/api/now/table/incident",
        "headers": [{"name": "Content-Type", "value": "application/json"}],
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
    }


def _batch(sim: Simulator, *names: str) -> dict[str, Any]:
    with sim.session() as session:
        response = session.post(
            f"{sim.servicenow}/api/now/v1/batch",
            json={"batch_request_id": "1", "rest_requests": [_item(name) for name in names]},
            headers=sim.servicenow_headers(),
            timeout=30,
        )
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def _names(sim: Simulator) -> list[str]:
    ours = [t for t in sim.tickets() if t["correlation_id"].startswith("isth:")]
    return sorted(t["short_description"] for t in ours)


def _statuses(answer: dict[str, Any]) -> list[int]:
    return [item["status_code"] for item in answer["serviced_requests"]]


def _try_batch(sim: Simulator, outcomes: list[str], *names: str) -> None:
    try:
        _batch(sim, *names)
        outcomes.append("answered")
    except requests.ConnectionError:
        outcomes.append("cut")


def test_unserviced_items_are_not_committed(sim: Simulator) -> None:
    """The last two of three come back as unserviced, and only the first is there."""
    sim.fault("servicenow.batch", "unserviced", params={"count": 2})
    answer = _batch(sim, "a", "b", "c")
    assert _statuses(answer) == [201]
    assert answer["unserviced_requests"] == ["b", "c"]
    assert _names(sim) == ["a"]


@pytest.mark.parametrize(
    ("kind", "status", "committed"),
    [
        ("500_before", 500, ["a", "c"]),
        ("500_after_commit", 500, ["a", "b", "c"]),
        ("403_after_insert", 403, ["a", "b", "c"]),
    ],
)
def test_one_item_takes_the_fault(sim: Simulator, kind: str, status: int, committed: list[str]) -> None:
    """The matched item has the status, its neighbours are created."""
    sim.fault("servicenow.table.create", kind, match='"short_description": "b"')
    assert _statuses(_batch(sim, "a", "b", "c")) == [201, status, 201]
    assert _names(sim) == committed


def test_a_reset_in_the_middle_ends_the_batch(sim: Simulator) -> None:
    """Cut after the second item's commit: two are there, the third never comes."""
    sim.fault("servicenow.table.create", "reset_after_commit", match='"short_description": "b"')
    outcomes: list[str] = []
    _try_batch(sim, outcomes, "a", "b", "c")
    assert outcomes == ["cut"]
    _batch(sim, "d")
    assert _names(sim) == ["a", "b", "d"]


def test_an_item_is_held_by_its_body(sim: Simulator) -> None:
    """The barrier holds the chosen item before its commit; dropped, the rest of the batch dies with it."""
    barrier = sim.barrier("servicenow.table.create", "before", match='"short_description": "b"')
    outcomes: list[str] = []
    thread = threading.Thread(target=_try_batch, args=(sim, outcomes, "a", "b", "c"))
    thread.start()
    sim.wait_held(barrier)
    assert _names(sim) == ["a"]
    sim.release(barrier, drop=True)
    thread.join(10)
    assert (outcomes, _names(sim)) == (["cut"], ["a"])


def test_a_batch_is_held_after_all_its_commits(sim: Simulator) -> None:
    """Held after the batch: every item is there while the client still waits."""
    barrier = sim.barrier("servicenow.batch", "after")
    outcomes: list[str] = []
    thread = threading.Thread(target=_try_batch, args=(sim, outcomes, "a", "b"))
    thread.start()
    sim.wait_held(barrier)
    assert (outcomes, _names(sim)) == ([], ["a", "b"])
    sim.release(barrier)
    thread.join(10)
    assert outcomes == ["answered"]


def test_a_batch_commits_after_the_client_gave_up(sim: Simulator) -> None:
    """`commit_late` on the batch: the client is cut off at once, the records appear later."""
    sim.fault("servicenow.batch", "commit_late", params={"seconds": 0.6})
    outcomes: list[str] = []
    _try_batch(sim, outcomes, "a", "b")
    assert (outcomes, _names(sim)) == (["cut"], [])
    begun = time.monotonic()
    while _names(sim) != ["a", "b"]:
        assert time.monotonic() - begun < 10, "the late commit never came"
        time.sleep(0.05)


def test_a_sleeping_instance_answers_html(sim: Simulator) -> None:
    """200 with a page for people, and nothing is committed."""
    sim.fault("servicenow.batch", "hibernation_200")
    with sim.session() as session:
        response = session.post(
            f"{sim.servicenow}/api/now/v1/batch",
            json={"batch_request_id": "1", "rest_requests": [_item("a")]},
            headers=sim.servicenow_headers(),
            timeout=30,
        )
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert "instance-hibernating-page" in response.text
    assert _names(sim) == []


def _page(sim: Simulator, headers: dict[str, str], token: str | None) -> requests.Response:
    options: dict[str, Any] = {"$top": 1000, "resultFormat": "objectArray"}
    if token is not None:
        options["$skipToken"] = token
    with sim.session() as session:
        return session.post(
            f"{sim.azure}{ARG}", json={"query": QUERY, "options": options}, headers=headers, timeout=30
        )


@pytest.mark.parametrize(("kind", "status", "code"), FAULTS_OF_A_PAGE)
def test_a_continuation_fails_and_can_be_repeated(sim: Simulator, kind: str, status: int, code: str) -> None:
    """The second page fails once in the real shape; asked again it comes."""
    headers = sim.azure_headers()
    sim.fault("arg.query", kind, match="skipToken")
    token = _page(sim, headers, None).json()["$skipToken"]
    failed = _page(sim, headers, token)
    assert (failed.status_code, failed.json()["error"]["code"]) == (status, code)
    again = _page(sim, headers, token)
    assert (again.status_code, again.json()["count"]) == (200, 1000)


def test_a_page_is_truncated_json(sim: Simulator) -> None:
    """A Resource Graph page of status 200 that doesn't parse, then the whole one."""
    headers = sim.azure_headers()
    sim.fault("arg.query", "truncated_200", subject="securityresources")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        _page(sim, headers, None).json()
    assert _page(sim, headers, None).json()["count"] == 1000


def test_a_token_request_can_fail(sim: Simulator) -> None:
    """Entra's transient error has its own shape."""
    sim.fault("login.token", "500_before")
    with pytest.raises(AssertionError, match="AADSTS90033"):
        sim.azure_headers()
    assert sim.azure_headers()["Authorization"].startswith("Bearer ")
