"""Every fault kind over a real TLS connection."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from services.simulator import answers
from tests.simulator_rig import BATCH, Rig

SHARED = Path(__file__).resolve().parents[6] / "shared"


def _wait_for_commit(rig: Rig, name: str, seconds: float) -> float:
    """The seconds until a commit shows."""
    begun = time.monotonic()
    while name not in rig.commits:
        assert time.monotonic() - begun < seconds, f"{name} was never committed"
        time.sleep(0.01)
    return time.monotonic() - begun


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("429_semaphore", 429),
        ("429_rate_rule", 429),
        ("429_arm", 429),
        ("429_arg", 429),
        ("500_before", 500),
        ("502_html", 502),
        ("hibernation_200", 200),
    ],
)
def test_a_refusal_before_the_commit_commits_nothing(rig: Rig, kind: str, status: int) -> None:
    """The fault's status is answered once, nothing is committed, and the next request passes."""
    rig.fault(kind)
    assert rig.create("a").status_code == status
    assert rig.commits == []
    assert rig.create("b").status_code == 201


def test_only_a_rate_rule_has_rate_limit_headers(rig: Rig) -> None:
    """A semaphore's 429 is told apart by its lack of X-RateLimit headers (servicenow-api 5.5)."""
    rig.fault("429_rate_rule", params={"retry_after": 17})
    rig.fault("429_semaphore")
    ruled, queued = rig.create("a"), rig.create("b")
    assert ruled.headers["Retry-After"] == "17"
    assert ruled.headers["X-RateLimit-Limit"] == "100"
    assert ruled.json()["error"]["message"] == "Rate limit exceeded"
    assert not [name for name in queued.headers if name.lower().startswith(("x-ratelimit", "retry-after"))]


def test_resource_graph_throttling_tells_its_quota(rig: Rig) -> None:
    """Resource Graph's 429 has the quota headers, and Retry-After only where it was asked for."""
    rig.fault("429_arg")
    answer = rig.create("a")
    assert answer.headers["x-ms-user-quota-remaining"] == "0"
    assert answer.headers["x-ms-user-quota-resets-after"] == "00:00:05"
    assert "Retry-After" not in answer.headers
    assert answer.json()["error"]["code"] == "RateLimiting"


def test_a_reset_before_the_commit_leaves_nothing(rig: Rig) -> None:
    """The connection is cut and the handler never commits."""
    rig.fault("reset_before")
    with pytest.raises(requests.ConnectionError):
        rig.create("a")
    assert rig.create("b").status_code == 201
    assert rig.commits == ["b"]


def test_a_reset_after_the_commit_leaves_the_record(rig: Rig) -> None:
    """The connection is cut although the record is there."""
    rig.fault("reset_after_commit")
    with pytest.raises(requests.ConnectionError):
        rig.create("a")
    assert rig.commits == ["a"]


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        ("500_after_commit", 500, "Transaction cancelled: maximum execution time exceeded"),
        ("403_after_insert", 403, "Operation Failed"),
    ],
)
def test_an_error_after_the_commit_leaves_the_record(rig: Rig, kind: str, status: int, message: str) -> None:
    """The answer is an error in ServiceNow's envelope, and the record is there all the same."""
    rig.fault(kind)
    answer = rig.create("a")
    assert (answer.status_code, answer.json()["error"]["message"]) == (status, message)
    assert rig.commits == ["a"]


def test_a_truncated_answer_is_complete_http_and_broken_json(rig: Rig) -> None:
    """A 200 with its declared length, JSON cut in the middle, and the error object behind it."""
    rig.fault("truncated_200")
    answer = rig.create("a")
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.text.startswith('{"result"')
    assert "maximum execution time exceeded" in answer.text
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    assert rig.commits == ["a"]


def test_the_appended_error_is_the_recorded_one() -> None:
    """The end of a truncated answer equals the recorded answer's end, byte for byte."""
    name = "stackstate-cmdb_ci_result_malformed_json_with_error_msg.txt"
    recorded = SHARED / "reference" / "examples" / "servicenow" / name
    if not recorded.exists():
        pytest.skip("the recorded answer is not here")
    body = answers.truncated(web.Response(body=b'{"result":[{"a":"b"}]}')).body
    assert isinstance(body, bytes)
    tail = body[body.index(b'\n  ],\n  "error"') :]
    assert recorded.read_bytes().strip().endswith(tail.strip())


@given(st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=4)))
def test_a_truncated_answer_never_parses(result: Any) -> None:
    """Whatever was cut, the rest is no JSON."""
    body = answers.truncated(web.Response(body=msgspec.json.encode({"result": result}))).body
    assert isinstance(body, bytes)
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(body)


def test_a_late_commit_survives_the_reset_connection(rig: Rig) -> None:
    """`commit_late` cuts the client off at once and commits so many seconds later."""
    rig.fault("commit_late", params={"seconds": 0.7})
    begun = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        rig.create("a")
    assert time.monotonic() - begun < 0.6
    assert rig.commits == []
    _wait_for_commit(rig, "a", 5)
    assert time.monotonic() - begun >= 0.7


def test_a_late_commit_survives_a_client_that_gave_up(rig: Rig) -> None:
    """With `answer: never` the client runs into its own time limit, and the record appears after that."""
    rig.fault("commit_late", params={"seconds": 1.0, "answer": "never"})
    with pytest.raises(requests.ReadTimeout):
        rig.create("a", seconds=0.3)
    assert rig.commits == []
    _wait_for_commit(rig, "a", 5)


def test_a_late_commit_is_never_answered(rig: Rig) -> None:
    """With `answer: never` even a patient client gets no answer."""
    rig.fault("commit_late", params={"seconds": 0.2, "answer": "never"})
    with pytest.raises(requests.ConnectionError):
        rig.create("a")
    assert rig.commits == ["a"]


def test_a_slow_commit_survives_a_client_that_gave_up(rig: Rig) -> None:
    """A latency longer than the client's patience doesn't undo the commit."""
    rig.control("POST", "/latency", {"route": "servicenow.table.*", "seconds": 0.6})
    with pytest.raises(requests.ReadTimeout):
        rig.create("a", seconds=0.2)
    _wait_for_commit(rig, "a", 5)


def test_latency_can_be_taken_away(rig: Rig) -> None:
    """Zero seconds removes a route's latency."""
    rig.control("POST", "/latency", {"route": "servicenow.table.create", "seconds": 0.5})
    assert rig.control("POST", "/latency", {"route": "servicenow.table.create", "seconds": 0}).json() == {}
    begun = time.monotonic()
    rig.create("a")
    assert time.monotonic() - begun < 0.4


def test_a_batch_item_takes_the_fault_alone(rig: Rig) -> None:
    """A refusal of one item is its status in the batch; the others commit."""
    rig.fault("500_before", skip=1)
    assert rig.post(BATCH, {"items": ["a", "b", "c"]}).json() == [201, 500, 201]
    assert rig.commits == ["a", "c"]


def test_an_abort_in_an_item_kills_the_whole_batch(rig: Rig) -> None:
    """After the second item's commit the connection is cut, and the third is never tried."""
    rig.fault("reset_after_commit", skip=1)
    with pytest.raises(requests.ConnectionError):
        rig.post(BATCH, {"items": ["a", "b", "c"]})
    assert rig.create("d").status_code == 201
    assert rig.commits == ["a", "b", "d"]


def test_a_fault_hits_only_what_matches(rig: Rig) -> None:
    """`match` looks at the body, `subject` at the table, and a miss uses nothing up."""
    rig.fault("500_before", match='"name": "b"')
    rig.fault("500_before", subject="problem", times=None)
    assert [rig.create(name).status_code for name in ("a", "b", "b")] == [201, 500, 201]


def test_times_null_is_for_ever_until_disarmed(rig: Rig) -> None:
    """A fault without `times` goes on until DELETE /faults."""
    rig.fault("500_before", times=None)
    assert {rig.create("a").status_code for _ in range(3)} == {500}
    assert rig.control("GET", "/faults").json()[0]["applied"] == 3
    rig.control("DELETE", "/faults")
    assert rig.create("a").status_code == 201


def test_probability_is_drawn_from_the_seed(rig: Rig) -> None:
    """Half of many requests are hit, and the same ones after disarming."""

    def draw() -> list[int]:
        rig.control("DELETE", "/faults")
        rig.fault("500_before", times=None, probability=0.5)
        return [rig.create("a").status_code for _ in range(20)]

    first = draw()
    assert 3 < first.count(500) < 17
    assert draw() == first


def test_requests_are_counted_per_route_and_status(rig: Rig) -> None:
    """Items count under their own route, cut connections as aborted, resets start at zero."""
    rig.create("a")
    rig.fault("429_semaphore")
    rig.create("b")
    rig.fault("reset_before", route="servicenow.batch")
    with pytest.raises(requests.ConnectionError):
        rig.post(BATCH, {"items": ["c"]})
    rig.post(BATCH, {"items": ["c", "d"]})
    counts = rig.control("GET", "/requests").json()
    assert counts["routes"] == {"servicenow.batch": 2, "servicenow.table.create": 4}
    assert counts["statuses"] == {
        "servicenow.batch": {"200": 1, "aborted": 1},
        "servicenow.table.create": {"201": 3, "429": 1},
    }
    assert rig.control("POST", "/requests/reset").json() == {"routes": {}, "statuses": {}}


@pytest.mark.parametrize(
    ("body", "named"),
    [({"route": "x", "kind": "nonsense"}, "kind"), ({"kind": "502_html"}, "route"), ({"when": 1}, "when")],
)
def test_a_wrong_fault_is_refused_with_its_field(rig: Rig, body: dict[str, Any], named: str) -> None:
    """400 and a sentence that names the field."""
    answer = rig.control("POST", "/faults", body)
    assert answer.status_code == 400
    assert named in answer.json()["error"]
