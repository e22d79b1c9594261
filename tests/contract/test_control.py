"""The simulator as a process: its ready line, its control API and its witness, both clouds behind it."""

import subprocess
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.simulator import ROOT, Simulator

KEYS = [
    *("azure", "login", "servicenow", "control", "ca", "tenant_id", "client_id", "client_secret"),
    *("servicenow_client_id", "servicenow_client_secret", "servicenow_user", "servicenow_password"),
]
INCIDENT = "/api/now/table/incident"


class Desk:
    """The integration user at work on incidents."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._headers = sim.servicenow_headers()
        self._session = sim.session()

    def create(self, name: str, tokens: str = "tkr00aa", seconds: float = 30.0) -> requests.Response:
        footer = f"[isthmus] connection=c1 rule=r1 generation=1\n[isthmus] recommendation=x | {tokens}"
        body = {
            "correlation_id": f"isth:c1:incident:{name}:1",
            "correlation_display": "isthmus.v1.1.1.0a1b2c3d.x",
            "short_description": name,
            "description": f"Something is open.\n{footer}",
        }
        return self._session.post(
            self._sim.servicenow + INCIDENT, json=body, headers=self._headers, timeout=seconds
        )

    def update(self, sys_id: str, **fields: str) -> requests.Response:
        url = f"{self._sim.servicenow}{INCIDENT}/{sys_id}"
        return self._session.patch(url, json=fields, headers=self._headers, timeout=30)


@pytest.fixture(scope="module")
def process() -> Iterator[Simulator]:
    """One process for all tests of this module."""
    with Simulator(findings=2000, seed=1) as sim:
        yield sim


@pytest.fixture
def sim(process: Simulator) -> Simulator:
    """The process, back at its seed."""
    process.control("POST", "/reset")
    return process


def _query(sim: Simulator, query: str, session: requests.Session | None = None) -> requests.Response:
    return (session or sim.session()).post(
        f"{sim.azure}/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01",
        json={"query": query, "options": {"resultFormat": "objectArray"}},
        headers=sim.azure_headers(),
        timeout=30,
    )


def test_the_ready_line_has_exactly_the_promised_keys(sim: Simulator) -> None:
    """URLs, the CA file's path and credentials, in the issue's order."""
    assert list(sim.ready) == KEYS
    assert all(sim.ready[key].startswith("https://127.0.0.1:") for key in KEYS[:4])
    assert sim.control("GET", "/health") == {"status": "ok"}


def test_sigterm_ends_it_cleanly_and_the_seed_keeps_credentials() -> None:
    """Exit code 0; the next process of the same seed has the same tenant and secrets."""
    with Simulator(findings=50, seed=7) as first:
        credentials = {key: first.ready[key] for key in KEYS[5:]}
        assert first.stop() == 0
    with Simulator(findings=50, seed=7) as second:
        assert {key: second.ready[key] for key in KEYS[5:]} == credentials


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--port", "65533"), 2, "65533 is not between 0 and 65532"),
        (("--load", "no/such/place"), 2, "no/such/place is no directory"),
        (("--limits", "harsh"), 2, "invalid choice"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: tuple[str, ...], code: int, sentence: str) -> None:
    """Exit code 2 and what is wrong."""
    run = subprocess.run(  # noqa: S603 - our own command
        [*Simulator(findings=10).command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == code
    assert sentence in run.stderr


def test_a_taken_port_is_one_sentence(sim: Simulator) -> None:
    """Exit code 1, no traceback."""
    port = str(urlsplit(sim.azure).port)
    run = subprocess.run(  # noqa: S603 - our own command
        [*Simulator(findings=10).command, "--port", port],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("simulator: cannot start: ")
    assert "Traceback" not in run.stderr


def test_findings_are_the_ground_truth(sim: Simulator) -> None:
    """Every assessment row of every status is listed, and all ids differ."""
    rows = list(sim.rows("/azure/findings"))
    assert len(rows) == 2000
    assert len({row["id"] for row in rows}) == 2000
    counted = _query(sim, "securityresources | where type =~ 'microsoft.security/assessments' | count").json()
    assert counted["data"][0]["Count"] == 2000


def test_azure_changes_show_in_the_ground_truth(sim: Simulator) -> None:
    """Five fixed findings are Healthy afterwards, and a reset brings the old world back."""
    before = {row["id"]: row["code"] for row in sim.rows("/azure/findings")}
    changed = sim.control("POST", "/azure/change", {"op": "fix", "count": 5})
    assert len(changed["changed"]) == 5
    after = {row["id"]: row["code"] for row in sim.rows("/azure/findings")}
    moved = {name for name, status in after.items() if before.get(name) != status}
    assert {after[name] for name in moved} == {"Healthy"}
    assert len(moved) == 5
    sim.control("POST", "/reset")
    assert {row["id"]: row["code"] for row in sim.rows("/azure/findings")} == before


def test_the_ledger_counts_our_tickets_and_writes(sim: Simulator) -> None:
    """One insert and one update are two writes on one record; a person's edit is none."""
    desk = Desk(sim)
    created = desk.create("a" * 26)
    assert created.status_code == 201, created.text
    sys_id = created.json()["result"]["sys_id"]
    assert desk.update(sys_id, short_description="changed").status_code == 200
    edit = {"op": "edit", "table": "incident", "sys_id": sys_id, "fields": {"short_description": "mine"}}
    sim.control("POST", "/servicenow/change", edit)
    assert sim.ledger() == {"records": 1, "writes": 2, "duplicates": 0, "open": 1, "unmarked": 0}
    (ticket,) = [t for t in sim.tickets() if t["sys_id"] == sys_id]
    assert (ticket["short_description"], ticket["sys_updated_by"]) == ("mine", "abel.tuter")


def test_the_ledger_sees_through_a_second_id(sim: Simulator) -> None:
    """Another correlation_id for the same tokens is a duplicate until one of the two is closed."""
    desk = Desk(sim)
    first = desk.create("a" * 26).json()["result"]["sys_id"]
    desk.create("b" * 26)
    desk.create("c" * 26, tokens="tkr00bb")
    ledger = sim.control("GET", "/ledger")
    assert ledger["tables"]["incident"]["duplicates"] == 1
    assert ledger["duplicates"][0]["tokens"] == ["tkr00aa"]
    sim.control("POST", "/servicenow/change", {"op": "close", "table": "incident", "sys_id": first})
    assert sim.ledger()["duplicates"] == 0


@pytest.mark.parametrize(("kind", "records"), [("reset_before", 0), ("reset_after_commit", 1)])
def test_a_reset_connection_leaves_what_it_says(sim: Simulator, kind: str, records: int) -> None:
    """Before the commit there is no record, after it there is one; the client can't tell."""
    desk = Desk(sim)
    sim.fault("servicenow.table.create", kind, subject="incident")
    with pytest.raises(requests.ConnectionError):
        desk.create("a" * 26)
    assert sim.ledger()["records"] == records


@pytest.mark.parametrize(("kind", "status"), [("500_after_commit", 500), ("403_after_insert", 403)])
def test_an_error_after_the_commit_leaves_a_record(sim: Simulator, kind: str, status: int) -> None:
    """The answer is an error, and the record is there."""
    desk = Desk(sim)
    sim.fault("servicenow.table.create", kind)
    assert desk.create("a" * 26).status_code == status
    assert sim.ledger()["records"] == 1


def test_a_create_is_held_before_its_commit_and_dropped(sim: Simulator) -> None:
    """Held: no record; dropped: the client is cut off and no record ever appears."""
    desk = Desk(sim)
    barrier = sim.barrier("servicenow.table.create", "before", subject="incident", match="isth:c1")
    outcome: list[Any] = []

    def create() -> None:
        try:
            outcome.append(desk.create("a" * 26).status_code)
        except requests.ConnectionError:
            outcome.append("cut")

    thread = threading.Thread(target=create)
    thread.start()
    assert sim.wait_held(barrier)["waiting"][0]["subject"] == "incident"
    assert sim.ledger()["records"] == 0
    sim.release(barrier, drop=True)
    thread.join(10)
    assert (outcome, sim.ledger()["records"]) == (["cut"], 0)


def test_requests_are_counted_by_route(sim: Simulator) -> None:
    """Sign-in, query and create count under their stable names with their statuses."""
    Desk(sim).create("a" * 26)
    sim.fault("arg.query", "429_arg")
    session = sim.session()
    statuses = [_query(sim, "securityresources | project id", session).status_code for _ in range(2)]
    assert statuses == [429, 200]
    counts = sim.control("GET", "/requests")
    assert counts["routes"]["servicenow.table.create"] == 1
    assert counts["statuses"]["arg.query"] == {"200": 1, "429": 1}
    assert counts["routes"]["servicenow.oauth"] == 1
    assert counts["routes"]["login.token"] == 2


def test_modes_are_listed_set_and_reset(sim: Simulator) -> None:
    """Names come from both sides; a reset takes every change back; an unknown name is a 400."""
    modes = sim.control("GET", "/modes")
    assert "case_flips" in modes["azure"]
    assert "sys_id_ignored" in modes["servicenow"]
    changed = sim.control("POST", "/modes", {"case_flips": True, "sys_id_ignored": True})
    assert changed["azure"]["case_flips"] is True
    assert changed["servicenow"]["sys_id_ignored"] is True
    sim.control("POST", "/reset")
    assert sim.control("GET", "/modes") == modes
    assert sim.call("POST", "/modes", {"no_such_mode": True}).status_code == 400


def test_limits_can_be_turned_on(sim: Simulator) -> None:
    """With realistic limits the sixteenth query within five seconds is throttled, without them it is not."""
    headers, session = sim.azure_headers(), sim.session()

    def burst() -> set[int]:
        return {
            session.post(
                f"{sim.azure}/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01",
                json={"query": "resourcecontainers | project id | limit 1"},
                headers=headers,
                timeout=30,
            ).status_code
            for _ in range(16)
        }

    assert burst() == {200}
    sim.control("POST", "/limits", {"mode": "realistic"})
    try:
        assert burst() == {200, 429}
    finally:
        sim.control("POST", "/limits", {"mode": "none"})


@pytest.mark.parametrize("path", ["/azure/change", "/servicenow/change", "/limits", "/barriers", "/latency"])
def test_nonsense_is_refused_with_a_sentence(sim: Simulator, path: str) -> None:
    """400 and what is wrong with it, never a 500."""
    answer = sim.call("POST", path, {"op": "nonsense", "mode": "nonsense"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]


def test_the_clock_can_be_moved(sim: Simulator) -> None:
    """Tickets are stamped by simulated time."""
    sim.control("POST", "/clock", {"advance": 10 * 86_400})
    Desk(sim).create("a" * 26)
    (ticket,) = [t for t in sim.tickets() if t["correlation_id"].startswith("isth:")]
    assert ticket["sys_created_on"][:10] == sim.control("GET", "/clock")["now"][:10]
