"""Answers of the simulated instance, byte for byte or by shape, against what was measured."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.contract.servicenow.servicenow_host import INCIDENT, Host

MEASURED = json.loads((Path(__file__).parents[2] / "data/servicenow/measured.json").read_text())
EXAMPLES = Path(__file__).resolve().parents[3] / "../shared/reference/examples/servicenow"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with Host(tmp_path_factory.mktemp("ca")) as host:
        yield host


@pytest.fixture
def host(running: Host) -> Iterator[Host]:
    yield running
    running.reset()


def envelope(name: str) -> bytes:
    return str(MEASURED["errors"][name]).encode()


def test_unknown_table(host: Host) -> None:
    """An unknown table is 400 with the measured body."""
    answer = host.call("GET", "/api/now/table/sys_nonexistent")
    assert (answer.status_code, answer.content) == (400, envelope("unknown_table"))


@pytest.mark.parametrize("credentials", [("nobody", "x"), ("", "")])
def test_bad_credentials(host: Host, credentials: tuple[str, str]) -> None:
    """Wrong or no credentials are 401 with the measured body."""
    answer = requests.get(host.http + INCIDENT, auth=credentials, timeout=10)
    assert (answer.status_code, answer.content) == (401, envelope("unauthenticated"))


def test_basic_gate_refuses_an_interactive_administrator(host: Host) -> None:
    """An administrator with the right password gets 401 by Basic, and 200 once the restriction is off."""
    auth = (host.options.admin_user, host.options.admin_password)
    refused = requests.get(host.http + INCIDENT, auth=auth, timeout=10)
    host.mode("basic_auth_restricted", value=False)
    accepted = requests.get(host.http + INCIDENT, auth=auth, timeout=10)
    assert (refused.status_code, accepted.status_code) == (401, 200)


@pytest.mark.parametrize(
    "table", ["sys_dictionary", "sys_journal_field", "sys_audit_delete", "sys_db_object"]
)
def test_narrow_user_may_not_query(host: Host, table: str) -> None:
    """The integration user can't read the dictionary, journals and deletions."""
    answer = host.call("GET", f"/api/now/table/{table}")
    assert (answer.status_code, answer.content) == (403, envelope("query_forbidden"))


def test_insert_blocked_by_acl(host: Host) -> None:
    """An insert into a table without write right has the bare body of an ACL exception."""
    answer = host.call("POST", "/api/now/table/sys_user", {"user_name": "x"})
    assert (answer.status_code, answer.content) == (403, envelope("insert_forbidden"))


def test_delete_is_denied_to_the_narrow_user(host: Host) -> None:
    """The integration user can't delete what it made itself."""
    made = host.create(short_description="x")
    answer = host.call("DELETE", f"{INCIDENT}/{made['sys_id']}")
    assert answer.status_code == 403
    assert answer.json()["error"]["detail"] == "ACL Exception Delete Failed due to security constraints"


def test_missing_record(host: Host) -> None:
    """A sys_id that does not exist is 404 with the measured body."""
    answer = host.call("GET", f"{INCIDENT}/{'0' * 32}")
    assert (answer.status_code, answer.content) == (404, envelope("no_record"))


def test_unknown_path(host: Host) -> None:
    """A path that no API owns is 400 with the measured body."""
    answer = host.call("GET", "/api/now/nonsense")
    assert (answer.status_code, answer.content) == (400, envelope("unknown_path"))


def test_payload_over_ten_megabytes(host: Host) -> None:
    """A body over glide.rest.max_content_length is refused by its declared length."""
    headers = {"Content-Type": "application/json"}
    answer = requests.post(
        host.http + INCIDENT, data=b" " * 10_485_761, auth=host.user, headers=headers, timeout=20
    )
    wanted = envelope("too_large")
    assert (answer.status_code, answer.content) == (400, wanted.replace(b"15105102", b"10485761"))


def test_token_endpoint_failure(host: Host) -> None:
    """Whatever is wrong with a grant: 401 server_error, byte for byte; a JSON body fails, too."""
    form = {"grant_type": "client_credentials", "client_id": host.options.client_id, "client_secret": "no"}
    right = {**form, "client_secret": host.options.client_secret}
    url = f"{host.http}/oauth_token.do"
    for answer in (requests.post(url, data=form, timeout=10), requests.post(url, json=right, timeout=10)):
        assert (answer.status_code, answer.content) == (401, envelope("token_refused"))


def test_same_token_until_it_expires(host: Host) -> None:
    """The token is the same until its end, expires_in counts down, and then the API answers invalid_token."""
    form = {"grant_type": "client_credentials", "client_id": host.options.client_id}
    form["client_secret"] = host.options.client_secret
    url = f"{host.http}/oauth_token.do"
    first = requests.post(url, data=form, timeout=10).json()
    host.clock.advance(600)
    second = requests.post(url, data=form, timeout=10).json()
    assert first["access_token"] == second["access_token"]
    assert "refresh_token" not in first
    assert second["expires_in"] <= first["expires_in"] - 600
    host.clock.advance(1300)
    headers = {"Authorization": f"Bearer {first['access_token']}"}
    expired = requests.get(host.http + INCIDENT, headers=headers, timeout=10)
    assert expired.status_code == 401
    assert 'error="invalid_token"' in expired.headers["WWW-Authenticate"]
    assert requests.post(url, data=form, timeout=10).json()["access_token"] != first["access_token"]
    host.clock.reset()


def test_refresh_token_grant(host: Host) -> None:
    """The password grant brings a refresh token of the recorded shape, and that brings an access token."""
    client = {"client_id": host.options.client_id, "client_secret": host.options.client_secret}
    name, password = host.user
    url = f"{host.http}/oauth_token.do"
    form = {**client, "grant_type": "password", "username": name, "password": password}
    first = requests.post(url, data=form, timeout=10).json()
    assert set(first) == set(MEASURED["token_fields"])
    form = {**client, "grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    assert requests.post(url, data=form, timeout=10).json()["access_token"] == first["access_token"]


def shape(value: Any) -> Any:
    """Names alone for objects; every scalar has to be a string or null."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return "scalar" if value is None or isinstance(value, str) else type(value).__name__


def test_post_has_the_shape_of_a_real_answer(host: Host) -> None:
    """Same fields as the recorded answer, strings only, and its defaults."""
    real = MEASURED["incident_post"]
    caller = host.find("sys_user", "user_name=abel.tuter")[0]["sys_id"]
    body = {"short_description": "Password Reset via Agentic AI", "caller_id": caller, "state": "2"}
    answer = host.call("POST", INCIDENT, body)
    ours = answer.json()["result"]
    assert answer.headers["Location"] == f"{host.http}{INCIDENT}/{ours['sys_id']}"
    assert shape(ours) == shape(real)
    fixed = {name: value for name, value in real.items() if isinstance(value, str)}
    assert {name: ours[name] for name in fixed} == fixed
    link = f"{host.http}/api/now/table/sys_user_group/global"
    assert ours["sys_domain"] == {"link": link, "value": "global"}


def test_measured_bodies_are_the_references() -> None:
    """What this repository keeps of the recorded bodies is what the reference has."""
    if not EXAMPLES.exists():
        pytest.skip("the reference examples are not on this machine")
    envelopes = json.loads((EXAMPLES / "error-envelopes-measured.json").read_text())["envelopes"]
    bodies = {envelope["body"] for envelope in envelopes}
    assert {body for name, body in MEASURED["errors"].items() if name != "too_large"} <= bodies
    real = json.loads((EXAMPLES / "pdi2025-incident-post-201.json").read_text())["result"]
    assert shape(real) == shape(MEASURED["incident_post"])


def test_resolve_has_the_effects_of_a_real_one(host: Host) -> None:
    """Resolving sets resolved_at and _by and the durations, leaves active true and closed_at empty."""
    made = host.create(short_description="x")
    host.clock.advance(90)
    values = {"state": "6", "close_code": "Solution provided", "close_notes": "Done."}
    record = host.patch("incident", made["sys_id"], **values).json()["result"]
    host.clock.reset()
    assert (record["state"], record["incident_state"], record["sys_mod_count"]) == ("6", "6", "1")
    assert (record["active"], record["closed_at"]) == ("true", "")
    assert record["resolved_at"] == record["sys_updated_on"]
    assert int(record["calendar_stc"]) >= 90


def test_rate_limit_body_and_headers(host: Host) -> None:
    """A rate rule's 429 has the recorded body and all its headers; answers before it carry them, too."""
    host.on_loop(lambda: host.instance.set_limits("none", {"requests_per_hour": 1}))
    first, second = host.call("GET", INCIDENT), host.call("GET", INCIDENT)
    detail = MEASURED["rate_limit"]["error"]["detail"].replace("100", "1")
    wanted = {"error": {**MEASURED["rate_limit"]["error"], "detail": detail}, "status": "failure"}
    assert (second.status_code, second.json()) == (429, wanted)
    assert "X-RateLimit-Rule" in first.headers
    assert int(second.headers["Retry-After"]) > 3000


def test_headers_of_a_created_record(host: Host) -> None:
    """The headers of a recorded 201 that tell something are there."""
    answer = host.call("POST", INCIDENT, {"short_description": "x"})
    for name in (
        "Server-Timing",
        "X-Is-Logged-In",
        "X-Transaction-ID",
        "Location",
        "Strict-Transport-Security",
    ):
        assert answer.headers[name]
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"


def test_three_display_modes(host: Host) -> None:
    """false: value and link; true: display value and link; all: both, null for an empty choice."""
    group = host.find("sys_user_group", "name=Identity")[0]["sys_id"]
    sys_id = host.create(short_description="x", assignment_group=group)["sys_id"]

    def read(**params: str) -> dict[str, Any]:
        answer = host.call("GET", f"/api/now/v2/table/incident/{sys_id}", params=params)
        result: dict[str, Any] = answer.json()["result"]
        return result

    link = f"{host.http}/api/now/v2/table/sys_user_group/{group}"
    assert read()["assignment_group"] == {"link": link, "value": group}
    shown = read(sysparm_display_value="True")
    assert shown["assignment_group"] == {"display_value": "Identity", "link": link}
    assert shown["priority"] == "5 - Planning"
    both = read(sysparm_display_value="all")
    assert both["assignment_group"] == {"display_value": "Identity", "value": group, "link": link}
    assert both["close_code"] == {"display_value": None, "value": ""}
    assert both["sla_due"]["display_value"] == "UNKNOWN"
    assert both["opened_at"]["display_value"] != both["opened_at"]["value"]
    assert read(sysparm_exclude_reference_link="true")["assignment_group"] == group
    assert read(sysparm_fields="number,assignment_group.name,bunk").keys() == {
        "number",
        "assignment_group.name",
    }


def test_paging_headers(host: Host) -> None:
    """first, prev, next and last as on the recorded answer; nothing when all fits one page."""

    def links(offset: int, limit: int) -> dict[str, str]:
        params = {
            "sysparm_limit": str(limit),
            "sysparm_offset": str(offset),
            "sysparm_query": "ORDERBYnumber",
        }
        answer = host.call("GET", INCIDENT, params=params)
        assert answer.headers["X-Total-Count"] == "10"
        return {rel: str(link["url"]) for rel, link in answer.links.items()}

    assert links(0, 4).keys() == {"first", "next", "last"}
    assert links(4, 4).keys() == {"first", "prev", "next", "last"}
    assert links(8, 4).keys() == {"first", "prev", "last"}
    assert links(0, 10) == {}
    assert "sysparm_offset=8" in links(0, 4)["last"]


def test_limit_comes_before_row_acls(host: Host) -> None:
    """A page may be empty while later ones hold rows; X-Total-Count counts what can't be seen."""
    host.mode("hidden_rows", {"incident": "numberSTARTSWITHINC000010"})
    params = {"sysparm_query": "ORDERBYnumber", "sysparm_limit": "3"}
    first = host.call("GET", INCIDENT, params=params)
    later = host.call("GET", INCIDENT, params={**params, "sysparm_offset": "9"})
    assert (first.json()["result"], first.headers["X-Total-Count"]) == ([], "10")
    assert len(later.json()["result"]) == 1


def test_version_one_answers_404_for_an_empty_list(host: Host) -> None:
    """v1: 404 No Record found; v2 and unversioned: 200 and an empty array."""
    query = {"sysparm_query": "number=nothing"}
    assert host.call("GET", "/api/now/v1/table/incident", params=query).status_code == 404
    for path in ("/api/now/v2/table/incident", INCIDENT):
        assert host.call("GET", path, params=query).json() == {"result": []}


def test_unknown_field_matches_everything(host: Host) -> None:
    """A mistyped column is ignored, so the whole table comes back; the mode turns it into nothing."""
    assert len(host.find("incident", "u_colleration_id=isth:x")) == 10
    host.mode("invalid_query_returns_no_rows", value=True)
    assert host.find("incident", "u_colleration_id=isth:x") == []


def test_tiny_url_stands_for_a_long_query(host: Host) -> None:
    """A query stored under a key is used by sysparm_tiny."""
    url = "incident_list.do?sysparm_query=number=INC0000101&sysparm_fields=number"
    result = host.call("POST", "/api/now/tinyurl", {"url": url}).json()["result"]
    rows = host.call("GET", f"{INCIDENT}?{result.partition('?')[2]}").json()["result"]
    assert rows == [{"number": "INC0000101"}]


def test_aggregate_shape(host: Host) -> None:
    """Counts are strings; groups come as a list with groupby_fields, as in the docs' example."""
    total = host.call("GET", "/api/now/stats/incident", params={"sysparm_count": "true"}).json()
    assert total == {"result": {"stats": {"count": "10"}}}
    params = {"sysparm_group_by": "assignment_group", "sysparm_avg_fields": "reassignment_count"}
    groups = host.call("GET", "/api/now/stats/incident", params=params).json()["result"]
    assert shape(groups[0]["stats"]) == {"avg": {"reassignment_count": "scalar"}}
    assert list(groups[0]) == MEASURED["group_fields"]
