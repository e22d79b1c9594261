"""Batches: every item has its own fate, and those without one are named."""

import base64

import msgspec
import pytest

from common.http.deadline import Deadline
from common.http.errors import HttpFatal
from common.http.exchange import Exchange
from common.http.session import build_session
from common.servicenow.batch import BatchClient, BatchItem, create_item, get_item, patch_item
from common.servicenow.instance import Instance
from tests.tiny_server import Reply, Seen, TinyServer

ID = "0" * 31 + "1"


class Header:
    """A sign-in of one token."""

    def header(self, deadline: Deadline) -> str:  # noqa: ARG002 - nothing to fetch
        return "Bearer t"

    def renew(self, rejected: str) -> None:
        """Nothing to renew."""


def client(server: TinyServer) -> BatchClient:
    exchange = Exchange("servicenow", build_session(server.ca, None, 4, "t"))
    return BatchClient(Instance(server.url, Header(), exchange))


def packed(value: object) -> str:
    return base64.b64encode(msgspec.json.encode(value)).decode()


def test_each_item_is_typed_and_lost_ones_are_named() -> None:
    """Created, refused, cut off and not mentioned at all are told apart."""
    wrapped = packed({"result": {"sys_id": ID, "number": "INC1"}})
    answer = {
        "batch_request_id": "1",
        "serviced_requests": [
            {
                "id": "a",
                "body": f"{wrapped[:10]}\r\n{wrapped[10:]}",
                "status_code": 201,
                "execution_time": 37,
            },
            {
                "id": "b",
                "body": packed(
                    {"error": {"message": "Operation Failed", "detail": "Error during insert of x"}}
                ),
                "status_code": 403,
            },
            {"id": "stranger", "body": "", "status_code": 200},
        ],
        "unserviced_requests": ["c"],
    }
    items = [create_item(i, "incident", {"sys_id": ID}) for i in "abcd"]
    with TinyServer(lambda _: Reply(body=answer)) as server:
        got = client(server).execute(items, deadline=Deadline(5))
    assert got.serviced["a"].record()["number"] == "INC1"
    assert got.serviced["a"].execution_ms == 37
    error = got.serviced["b"].error()
    assert error is not None
    assert (error.reason, error.acted) == ("insert_refused", True)
    assert (set(got.serviced), got.unserviced, got.missing) == ({"a", "b"}, ("c",), ("d",))


def test_items_travel_as_the_api_wants() -> None:
    """Relative URLs, base64 bodies, headers as a list."""

    def respond(_: Seen) -> Reply:
        return Reply(body={"serviced_requests": [], "unserviced_requests": []})

    items = [
        create_item("1", "incident", {"state": "1"}),
        patch_item("2", "incident", ID, {"state": "6"}, ["state"]),
        get_item("3", "incident", ID, ["state"]),
    ]
    with TinyServer(respond) as server:
        client(server).execute(items, deadline=Deadline(5))
        seen = server.seen[0]
    assert seen.path == "/api/now/v1/batch"
    sent = msgspec.json.decode(seen.body)["rest_requests"]
    assert [item["method"] for item in sent] == ["POST", "PATCH", "GET"]
    assert sent[1]["url"].startswith(f"/api/now/table/incident/{ID}?sysparm_fields=sys_id,number")
    assert base64.b64decode(sent[0]["body"]) == b'{"state":"1"}'
    assert "body" not in sent[2]


def test_success_with_a_broken_body_may_have_acted() -> None:
    """A created item whose body is no record is for reading again, not for creating again."""
    answer = {"serviced_requests": [{"id": "a", "body": "!!", "status_code": 201}], "unserviced_requests": []}
    with TinyServer(lambda _: Reply(body=answer)) as server:
        got = client(server).execute([create_item("a", "incident", {})], deadline=Deadline(5))
    with pytest.raises(HttpFatal) as caught:
        got.serviced["a"].record()
    assert (caught.value.reason, caught.value.acted) == ("malformed_answer", True)


def test_too_large_a_batch_is_not_sent() -> None:
    """10 MiB is the instance's limit for a whole request."""
    item = BatchItem("a", "POST", "/api/now/table/incident", "r", b"x" * (8 << 20))
    with TinyServer(lambda _: Reply()) as server:
        with pytest.raises(HttpFatal) as caught:
            client(server).execute([item], deadline=Deadline(5))
        assert server.seen == []
    assert caught.value.reason == "payload_too_large"
