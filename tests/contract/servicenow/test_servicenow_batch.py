"""The Batch API, the limits around it, and how it meets faults of the gate."""

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.simulator.faults import FaultSpec
from services.simulator.servicenow.traffic import Limits
from tests.contract.servicenow.servicenow_host import INCIDENT, Host


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with Host(tmp_path_factory.mktemp("ca")) as host:
        yield host


@pytest.fixture
def host(running: Host) -> Iterator[Host]:
    yield running
    running.reset()


def creates(count: int) -> list[dict[str, Any]]:
    url = f"{INCIDENT}?sysparm_fields=sys_id,short_description"
    return [{"id": str(n), "url": url, "body": {"short_description": f"item {n}"}} for n in range(count)]


def bodies(answer: Any) -> list[Any]:
    return [json.loads(base64.b64decode(item["body"])) for item in answer.json()["serviced_requests"]]


def test_items_carry_their_own_status(host: Host) -> None:
    """A batch is 200 whatever becomes of its items; each has status, text, body and time."""
    items = [
        *creates(1),
        {"id": "missing", "method": "GET", "url": f"{INCIDENT}/{'0' * 32}"},
        {"id": "nowhere", "method": "GET", "url": "/api/now/nothing"},
        {"id": "versioned", "method": "GET", "url": "/api/now/v1/table/incident?sysparm_query=number=none"},
    ]
    answer = host.batch(items)
    assert answer.status_code == 200
    data = answer.json()
    assert data["batch_request_id"] == "7"
    assert [item["status_code"] for item in data["serviced_requests"]] == [201, 404, 400, 404]
    assert data["serviced_requests"][0]["status_text"] == "Created"
    assert bodies(answer)[0]["result"]["short_description"] == "item 0"
    assert "Location" in [header["name"] for header in data["serviced_requests"][0]["headers"]]


def test_thirty_seconds_of_simulated_time(host: Host) -> None:
    """With 4 s an item, eight are serviced and the rest come back unserviced, and nothing is slept."""
    host.mode("item_seconds", 4)
    began = time.monotonic()
    data = host.batch(creates(12)).json()
    assert time.monotonic() - began < 2
    assert len(data["serviced_requests"]) == 8
    assert data["unserviced_requests"] == ["8", "9", "10", "11"]
    assert data["serviced_requests"][0]["execution_time"] == 4000
    assert len(host.find("incident", "short_descriptionSTARTSWITHitem ")) == 8


@pytest.mark.parametrize(("body", "status"), [({"nonsense": 1}, 500), ([1], 500)])
def test_a_batch_without_items(host: Host, body: Any, status: int) -> None:
    """A batch that is none is 500, as the docs allow 200, 401 and 500 only."""
    assert host.call("POST", "/api/now/v1/batch", body).status_code == status


def test_same_sys_id_twice_in_one_batch(host: Host) -> None:
    """The second insert fails like any failed insert, and the first stands."""
    item = {"body": {"sys_id": "a" * 32, "short_description": "x"}}
    data = host.batch([{"id": "1", **item}, {"id": "2", **item}])
    assert [item["status_code"] for item in data.json()["serviced_requests"]] == [201, 403]
    detail = bodies(data)[1]["error"]["detail"]
    assert detail.startswith("Error during insert of incident (INC")


def test_semaphores_queue_then_refuse(host: Host) -> None:
    """Beyond four running and the queue: 429 without rate-limit headers; the others are served."""
    limits = {"semaphores": 2, "queue": 3, "write_seconds": [0.4, 0.4]}
    host.on_loop(lambda: host.instance.set_limits("realistic", limits))
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: host.call("POST", INCIDENT, {}, headers={"Cookie": ""}), range(10)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] * 5 + [429] * 5
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert not [name for name in refused.headers if name.lower().startswith("x-ratelimit")]


def test_realistic_batch_takes_its_time(host: Host) -> None:
    """Realistic limits sleep 60 to 120 ms a write, one item after the other."""
    host.on_loop(lambda: host.instance.set_limits("realistic", {}))
    began = time.monotonic()
    data = host.batch(creates(5)).json()
    seconds = time.monotonic() - began
    assert 0.3 <= seconds < 1.5
    assert all(60 <= item["execution_time"] < 250 for item in data["serviced_requests"])


def test_one_session_is_served_one_by_one(host: Host) -> None:
    """Requests that share a session cookie wait for each other; without cookies they run side by side."""
    limits = {"write_seconds": [0.3, 0.3]}
    host.on_loop(lambda: host.instance.set_limits("realistic", limits))

    def four(headers: dict[str, str]) -> float:
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: host.call("POST", INCIDENT, {}, headers=headers), range(4)))
        return time.monotonic() - began

    assert four({"Cookie": "JSESSIONID=ONE"}) > 1.15
    assert four({"Cookie": ""}) < 1.0


def test_a_batch_counts_its_items_for_a_rate_rule(host: Host) -> None:
    """By default a batch weighs as many requests as it has items; by mode it weighs one."""
    host.on_loop(lambda: host.instance.set_limits("none", {"requests_per_hour": 10}))
    assert host.batch(creates(11)).status_code == 429
    host.mode("batch_counts_items", value=False)
    assert host.batch(creates(11)).status_code == 200


def test_unknown_limits_are_named() -> None:
    """A mistyped limit is an error with its name."""
    with pytest.raises(ValueError, match="semafores"):
        Limits.of("realistic", {"semafores": 3})


def test_faults_become_an_items_answer(host: Host) -> None:
    """500 after the commit on one item: its status is 500, the record is there, the batch is 200."""
    spec = FaultSpec(route="servicenow.table.create", kind="500_after_commit", match="item 1")
    host.on_loop(lambda: host.gate.faults.arm(spec))
    data = host.batch(creates(3)).json()
    host.on_loop(host.gate.faults.clear)
    assert [item["status_code"] for item in data["serviced_requests"]] == [201, 500, 201]
    assert len(host.find("incident", "short_description=item 1")) == 1
