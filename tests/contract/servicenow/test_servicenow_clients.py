"""Public ServiceNow clients run against the simulated instance unchanged."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiosnow
import pysnc
import pysnow
import pytest
import requests
from aiosnow.models.table.declared import IncidentModel

from tests.contract.servicenow.servicenow_host import Host


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with Host(tmp_path_factory.mktemp("ca")) as running:
        yield running


@pytest.fixture
def now(host: Host, monkeypatch: pytest.MonkeyPatch) -> pysnc.ServiceNowClient:
    # The environment's bundle would win over the client's own `verify`.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", host.ca)
    return pysnc.ServiceNowClient(host.https, host.administrator, verify=host.ca)


@pytest.fixture
def snow(host: Host) -> pysnow.Client:
    name, password = host.administrator
    address = host.http.removeprefix("http://")
    return pysnow.Client(host=address, user=name, password=password, use_ssl=False)


def test_pysnow_creates_updates_reads_and_deletes(snow: pysnow.Client) -> None:
    """The whole life of an incident through pysnow's resource."""
    resource = snow.resource(api_path="/table/incident")
    made = resource.create(payload={"short_description": "by pysnow", "urgency": "1"}).one()
    assert made["number"].startswith("INC")
    resource.update(query={"number": made["number"]}, payload={"impact": "1"})
    read = resource.get(query={"number": made["number"]}).one()
    assert (read["priority"], read["sys_mod_count"]) == ("1", "1")
    assert resource.delete(query={"number": made["number"]}) == {"status": "record deleted"}
    assert resource.get(query={"number": made["number"]}).all() == []


def test_pysnow_streams_with_its_query_builder(snow: pysnow.Client) -> None:
    """A built query with an order, streamed through ijson."""
    builder = pysnow.QueryBuilder().field("sys_class_name").equals("incident").AND().field("number")
    query = builder.order_descending().AND().field("number").starts_with("INC0000")
    numbers = [
        row["number"] for row in snow.resource(api_path="/table/task").get(query=query, stream=True).all()
    ]
    assert len(numbers) == 10
    assert numbers == sorted(numbers, reverse=True)


def test_pysnow_attaches_a_file(snow: pysnow.Client, tmp_path: Path) -> None:
    """Pysnow's upload and list of attachments."""
    file = tmp_path / "affected.csv"
    file.write_text("resource,severity\nvm-1,High\n")
    resource = snow.resource(api_path="/table/incident")
    sys_id = resource.create(payload={"short_description": "with file"}).one()["sys_id"]
    resource.attachments.upload(sys_id=sys_id, file_path=str(file))
    listed = resource.attachments.get(sys_id=sys_id)
    assert [row["file_name"] for row in listed] == ["affected.csv"]


def test_pysnow_signs_in_by_oauth(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password grant with refresh token, as pysnow's OAuthClient asks for it."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    client = pysnow.OAuthClient(
        client_id=host.options.client_id,
        client_secret=host.options.client_secret,
        host=host.http.removeprefix("http://"),
        use_ssl=False,
    )
    token = client.generate_token(*host.user)
    assert token["refresh_token"]
    client.set_token(token)
    rows = client.resource(api_path="/table/sys_user_group").get(query="name=Cloud Security").all()
    assert [row["name"] for row in rows] == ["Cloud Security"]


def test_pysnc_inserts_with_its_own_guid_over_tls(now: pysnc.ServiceNowClient) -> None:
    """A custom sys_id is honoured, unknown columns are ignored, and the update comes back."""
    guid = hashlib.md5(b"pysnc", usedforsecurity=False).hexdigest()
    record = now.GlideRecord("incident")
    record.initialize()
    record.set_new_guid_value(guid)
    record.short_description = "by pysnc"
    record.bunk_field = "ignored"
    assert record.insert() == guid
    record.impact = "1"
    record.urgency = "1"
    assert record.update() == guid
    again = now.GlideRecord("incident")
    assert again.get(guid)
    assert (again.priority, again.get_display_value("state")) == ("1", "New")
    assert again.delete()
    assert not now.GlideRecord("incident").get(guid)


def test_pysnc_pages_and_joins_conditions(now: pysnc.ServiceNowClient) -> None:
    """Pages of its own size, OR conditions and X-Total-Count."""
    record = now.GlideRecord("incident", batch_size=3)
    record.add_query("number", "STARTSWITH", "INC0000")
    condition = record.add_query("state", "1")
    condition.add_or_condition("state", "2")
    record.order_by("number")
    record.query()
    found = [row.number.get_value() for row in record]
    assert len(found) == len(record) == 6
    assert found == sorted(found)


def test_pysnc_related_list_query(now: pysnc.ServiceNowClient) -> None:
    """RLQUERY: users who opened at least one incident."""
    record = now.GlideRecord("sys_user")
    record.add_rl_query("incident", "caller_id", ">0", stop_at_relationship=True)
    record.query()
    callers = {row.sys_id.get_value() for row in record}
    incidents = now.GlideRecord("incident")
    incidents.add_encoded_query("caller_idISNOTEMPTY")
    incidents.query()
    assert callers == {row.caller_id.get_value() for row in incidents}


def test_pysnc_batch(now: pysnc.ServiceNowClient) -> None:
    """Several records through the Batch API, each answer at its own hook."""
    answers: list[Any] = []
    for number in range(3):
        record = now.GlideRecord("incident")
        record.initialize()
        record.short_description = f"batched {number}"
        now.batch_api.post(record, answers.append)
    now.batch_api.execute()
    assert [answer.status_code for answer in answers] == [201, 201, 201]


def test_pysnc_attachment_round_trip(now: pysnc.ServiceNowClient) -> None:
    """Upload, list and read back the bytes."""
    record = now.GlideRecord("incident")
    record.initialize()
    record.short_description = "with file"
    sys_id = str(record.insert())
    attachment = now.Attachment("incident")
    location = attachment.add_attachment(sys_id, "a.bin", b"\x00\x01\xff")
    reader = now.Attachment("incident")
    assert reader.get(location.rsplit("/", 1)[-1])
    assert reader.read() == b"\x00\x01\xff"


def test_pysnc_client_credentials(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client credentials grant of ServiceNow's own client."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", host.ca)
    flow = pysnc.ServiceNowClientCredentialsFlow(host.options.client_id, host.options.client_secret)
    client = pysnc.ServiceNowClient(host.https, flow, verify=host.ca)
    record = client.GlideRecord("sys_user")
    record.add_query("user_name", host.options.user)
    record.query()
    assert len(record) == 1


def test_aiosnow_reads_writes_and_streams(host: Host) -> None:
    """Aiosnow always asks for both values, and follows the Link header."""

    async def work() -> tuple[Any, Any, list[Any]]:
        client = aiosnow.Client(
            host.http.removeprefix("http://"), basic_auth=host.administrator, use_ssl=False
        )
        async with IncidentModel(client, table_name="incident") as incidents:
            made = await incidents.create({"short_description": "by aiosnow", "urgency": 1})
            changed = await incidents.update(made["sys_id"], {"impact": 1})
            stream = incidents.stream(IncidentModel.number.starts_with("INC0000"), page_size=4, limit=50)
            rows = [row["number"] async for _, row in stream]
            await incidents.delete(made["sys_id"])
        return made, changed, rows

    made, changed, rows = asyncio.run(work())
    assert made["state"].key == 1
    assert changed["priority"].key == 1
    assert len(rows) == len(set(rows)) == 10


def part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def assertion(host: Host, secret: str) -> str:
    """A JWT for our user, signed by HS256."""
    now = int(host.clock.now().timestamp())
    claims = {"iss": host.options.client_id, "aud": host.options.client_id, "sub": host.options.user}
    head = part(b'{"alg":"HS256","typ":"JWT"}')
    text = f"{head}.{part(json.dumps({**claims, 'iat': now, 'exp': now + 60}).encode())}"
    return f"{text}.{part(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


@pytest.mark.parametrize(("forged", "status"), [(False, 200), (True, 401)])
def test_jwt_bearer_grant(host: Host, forged: bool, status: int) -> None:
    """An assertion signed with the client's secret signs in its subject; a forged one is refused."""
    secret = "wrong" if forged else host.options.client_secret
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "client_id": host.options.client_id,
        "client_secret": host.options.client_secret,
        "assertion": assertion(host, secret),
    }
    answer = requests.post(f"{host.http}/oauth_token.do", data=form, timeout=10)
    assert answer.status_code == status
    if status == 401:
        assert answer.content == b'{"error_description":"access_denied","error":"server_error"}'
