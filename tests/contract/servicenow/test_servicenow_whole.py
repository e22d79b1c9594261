"""The instance inside the whole simulator: control, barriers, faults and ledger meet its handlers."""

import base64
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.simulator import Simulator

INCIDENT = "/api/now/table/incident"


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(findings=200) as simulator:
        yield simulator


@pytest.fixture
def sim(running: Simulator) -> Iterator[Simulator]:
    yield running
    running.control("POST", "/reset")


def ticket(name: str) -> dict[str, str]:
    footer = f"[isthmus] connection=prod rule=r generation=1\n[isthmus] recommendation=tkr{name} | tkr{name}"
    key = name.ljust(26, "a")
    return {"short_description": name, "correlation_id": f"isth:prod:incident:{key}:1", "description": footer}


def call(
    sim: Simulator, method: str, path: str, body: Any = None, seconds: float = 20.0
) -> requests.Response:
    with sim.session() as session:
        headers = sim.servicenow_headers()
        return session.request(method, sim.servicenow + path, json=body, headers=headers, timeout=seconds)


def batch(sim: Simulator, names: list[str]) -> requests.Response:
    items = [
        {
            "id": name,
            "method": "POST",
            "url": INCIDENT,
            "body": base64.b64encode(json.dumps(ticket(name)).encode()).decode(),
        }
        for name in names
    ]
    return call(sim, "POST", "/api/now/v1/batch", {"batch_request_id": "1", "rest_requests": items})


def ours(sim: Simulator) -> set[str]:
    rows = call(sim, "GET", f"{INCIDENT}?sysparm_query=correlation_idSTARTSWITHisth:").json()["result"]
    return {row["short_description"] for row in rows}


def test_ledger_sees_records_writes_and_duplicates(sim: Simulator) -> None:
    """Two tickets with one footer are a duplicate, whatever their correlation_ids."""
    call(sim, "POST", INCIDENT, ticket("aaaa"))
    twin = {**ticket("aaaa"), "correlation_id": ticket("bbbb")["correlation_id"]}
    call(sim, "POST", INCIDENT, twin)
    line = sim.ledger()
    assert (line["records"], line["writes"], line["open"], line["duplicates"]) == (2, 2, 2, 1)


def test_barrier_holds_one_item_of_a_batch(sim: Simulator) -> None:
    """Before the commit of the second item the first stands and the others do not; released, all do."""
    barrier = sim.barrier("servicenow.table.create", "before", match="bbbb")
    answers: list[requests.Response] = []
    sender = threading.Thread(target=lambda: answers.append(batch(sim, ["aaaa", "bbbb", "cccc"])))
    sender.start()
    sim.wait_held(barrier)
    assert ours(sim) == {"aaaa"}
    sim.release(barrier)
    sender.join(20)
    assert [item["status_code"] for item in answers[0].json()["serviced_requests"]] == [201, 201, 201]
    assert ours(sim) == {"aaaa", "bbbb", "cccc"}


def test_a_batch_may_outlive_its_connection(sim: Simulator) -> None:
    """By mode: a reset after the first item's commit, and the server works off the rest all the same."""
    sim.control("POST", "/modes", {"batch_outlives_connection": True})
    sim.fault("servicenow.table.create", "reset_after_commit", match="aaaa")
    with pytest.raises(requests.ConnectionError):
        batch(sim, ["aaaa", "bbbb"])
    assert ours(sim) == {"aaaa", "bbbb"}


@pytest.mark.parametrize(("kind", "status"), [("500_after_commit", 500), ("403_after_insert", 403)])
def test_committed_in_spite_of_the_answer(sim: Simulator, kind: str, status: int) -> None:
    """An error after the commit: the record is there."""
    sim.fault("servicenow.table.create", kind)
    assert call(sim, "POST", INCIDENT, ticket("aaaa")).status_code == status
    assert ours(sim) == {"aaaa"}


def test_commit_after_the_client_gave_up(sim: Simulator) -> None:
    """The connection is cut at once, and the record appears later."""
    sim.fault("servicenow.table.create", "commit_late", params={"seconds": 0.5})
    with pytest.raises(requests.ConnectionError):
        call(sim, "POST", INCIDENT, ticket("aaaa"))
    assert ours(sim) == set()
    threading.Event().wait(1.0)
    assert ours(sim) == {"aaaa"}


def test_unserviced_items_by_fault(sim: Simulator) -> None:
    """The last items of a batch are left undone and named."""
    sim.fault("servicenow.batch", "unserviced", params={"count": 2})
    data = batch(sim, ["aaaa", "bbbb", "cccc"]).json()
    assert data["unserviced_requests"] == ["bbbb", "cccc"]
    assert ours(sim) == {"aaaa"}


def test_people_and_modes_by_control(sim: Simulator) -> None:
    """Control resolves our tickets as a person, and reset brings the seed back."""
    batch(sim, ["aaaa", "bbbb"])
    changed = sim.control("POST", "/servicenow/change", {"op": "resolve", "table": "incident", "count": 1})
    assert len(changed["sys_ids"]) == 1
    assert sim.ledger()["open"] == 1
    sim.control("POST", "/modes", {"sys_id_ignored": True})
    sim.control("POST", "/reset")
    assert sim.control("GET", "/modes")["servicenow"]["sys_id_ignored"] is False
    assert ours(sim) == set()
