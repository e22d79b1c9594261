"""The Table API's traps: ignored columns, hidden rows, ties in time, lost rights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from common.errors import Fatal
from common.http.deadline import Deadline
from common.http.errors import HttpFatal, Throttled
from common.http.exchange import Exchange
from common.http.session import build_session
from common.servicenow.changes import Mark, RecordPage
from common.servicenow.instance import Instance, instance_url
from common.servicenow.table import TableClient
from tests.tiny_server import Reply, Seen, TinyServer

ID = [f"{i:032x}" for i in range(10)]


class Header:
    """A sign-in that counts its renewals."""

    def __init__(self) -> None:
        self.renewed = 0

    def header(self, deadline: Deadline) -> str:  # noqa: ARG002 - nothing to fetch
        return f"Bearer {self.renewed}"

    def renew(self, rejected: str) -> None:
        assert rejected == f"Bearer {self.renewed}"
        self.renewed += 1


class Gate:
    """Permits that remember."""

    def __init__(self) -> None:
        self.held: list[bool] = []
        self.told: list[str] = []

    @contextmanager
    def hold(self, *, urgent: bool = False) -> Iterator[None]:
        self.held.append(urgent)
        yield

    def succeeded(self) -> None:
        self.told.append("succeeded")

    def throttled(self) -> None:
        self.told.append("throttled")


def client(server: TinyServer, gate: Gate | None = None, auth: Header | None = None) -> TableClient:
    exchange = Exchange("servicenow", build_session(server.ca, None, 4, "t"))
    return TableClient(Instance(server.url, auth or Header(), exchange, gate))


def rows(*records: dict[str, object], total: int | None = None) -> Reply:
    headers = {"X-Total-Count": str(total)} if total is not None else {}
    return Reply(body={"result": list(records)}, headers=headers)


def test_look_up_asks_for_the_key_and_finds_duplicates() -> None:
    """Two records of one key are both told; a key without one is absent."""
    found = rows({"correlation_id": "a", "sys_id": ID[1]}, {"correlation_id": "a", "sys_id": ID[2]})
    with TinyServer(lambda _: found) as server:
        result = client(server).look_up(
            "incident", "correlation_id", ["a", "b"], ["state"], deadline=Deadline(5)
        )
        query = server.seen[0].query
    assert {key: [row["sys_id"] for row in rows] for key, rows in result.items()} == {"a": [ID[1], ID[2]]}
    assert query["sysparm_fields"] == "correlation_id,sys_id,state"
    assert query["sysparm_query"] == "correlation_idINa,b^ORDERBYsys_id"
    assert (query["sysparm_display_value"], query["sysparm_exclude_reference_link"]) == ("false", "true")


def test_look_up_in_an_unknown_column_is_no_hit() -> None:
    """ServiceNow ignores the column and matches everything: a configuration error, never 'found'."""
    with TinyServer(lambda _: rows({"sys_id": ID[1]})) as server, pytest.raises(Fatal) as caught:
        client(server).look_up("incident", "u_corelation", ["a"], deadline=Deadline(5))
    assert caught.value.reason == "key_column_unreadable"


def test_look_up_with_foreign_keys_in_the_answer_is_no_hit() -> None:
    """A record of a key that was not asked for shows an ignored condition."""
    foreign = rows({"correlation_id": "z", "sys_id": ID[1]})
    with TinyServer(lambda _: foreign) as server, pytest.raises(Fatal) as caught:
        client(server).look_up("incident", "correlation_id", ["a"], deadline=Deadline(5))
    assert caught.value.reason == "query_ignored"


def test_look_up_of_nothing_asks_nothing() -> None:
    """No keys, no request."""
    with TinyServer(lambda _: rows()) as server:
        assert client(server).look_up("incident", "sys_id", [], deadline=Deadline(5)) == {}
        assert server.seen == []


def test_urls_stay_below_2000_characters() -> None:
    """Two hundred long keys go in several requests, each within the limit."""
    keys = [f"isth:production:incident:{'a' * 26}:{i}" for i in range(200)]
    with TinyServer(lambda _: rows()) as server:
        client(server).look_up("incident", "correlation_id", keys, deadline=Deadline(20))
        urls = [server.url + seen.target for seen in server.seen]
        asked = [seen.query["sysparm_query"] for seen in server.seen]
    assert len(asked) > 1
    assert sum(query.count("isth:") for query in asked) == 200
    assert all(1900 < len(url) <= 2000 for url in urls[:-1])
    assert len(urls[-1]) <= 2000


def test_only_commas_go_raw() -> None:
    """They part keys and fields; whatever else means something in a URL is encoded."""
    with TinyServer(lambda _: rows()) as server:
        client(server).look_up("incident", "name", ["a b", "c&d=e#f+g%h", "i"], deadline=Deadline(5))
        target, query = server.seen[0].target, server.seen[0].query["sysparm_query"]
    assert "nameINa%20b,c%26d%3De%23f%2Bg%25h,i%5EORDERBYsys_id&sysparm_fields=name,sys_id&" in target
    assert query == "nameINa b,c&d=e#f+g%h,i^ORDERBYsys_id"


class World:
    """Records of an instance that sorts, limits before ACLs, and counts what can't be seen."""

    def __init__(self, records: list[tuple[str, str, bool]]) -> None:
        self.records = sorted(records)

    def respond(self, seen: Seen) -> Reply:
        query = seen.query["sysparm_query"]
        matching = [r for r in self.records if self._matches(query, r)]
        offset, limit = int(seen.query["sysparm_offset"]), int(seen.query["sysparm_limit"])
        page = matching[offset : offset + limit]
        shown: list[dict[str, object]] = [
            {"sys_updated_on": when, "sys_id": sys_id, "correlation_id": "isth:c:incident:x:1"}
            for when, sys_id, visible in page
            if visible
        ]
        return rows(*shown, total=len(matching))

    @staticmethod
    def _matches(query: str, record: tuple[str, str, bool]) -> bool:
        when, sys_id, _ = record
        for alternative in query.split("^NQ"):
            terms = [t for t in alternative.split("^") if not t.startswith("ORDERBY")]
            assert terms[0] == "correlation_idSTARTSWITHisth:c:", "each half repeats the prefix"
            checks: dict[str, Callable[[str], bool]] = {
                "sys_updated_on>=": lambda v: when >= v,
                "sys_updated_on>": lambda v: when > v,
                "sys_updated_on=": lambda v: when == v,
                "sys_id>": lambda v: sys_id > v,
            }
            if all(_holds(term, checks) for term in terms[1:]):
                return True
        return False


def _holds(term: str, checks: dict[str, Callable[[str], bool]]) -> bool:
    name = next(name for name in checks if term.startswith(name))
    return checks[name](term.removeprefix(name))


def read_all(server: TinyServer, mark: Mark | None, size: int) -> list[RecordPage]:
    return list(
        client(server).changed_since(
            "incident", "isth:c:", mark, timedelta(minutes=10), size, fields=["state"], deadline=Deadline(20)
        )
    )


def test_changed_since_reads_ties_and_past_hidden_pages() -> None:
    """Equal seconds are told apart by sys_id, and a page that is all hidden does not end the reading."""
    same = [("2026-01-01 00:00:00", f"{i:032x}", True) for i in range(7)]
    hidden = [("2026-01-01 00:00:01", f"{i:032x}", False) for i in range(10)]
    last = [("2026-01-01 00:00:02", ID[3], True), ("2026-01-01 00:00:05", ID[4], True)]
    with TinyServer(World(same + hidden + last).respond) as server:
        pages = read_all(server, None, 3)
    seen = [row["sys_id"] for page in pages for row in page.records]
    assert seen == [r[1] for r in same] + [r[1] for r in last]
    assert pages[-1].mark == Mark("2026-01-01 00:00:05", ID[4])


def test_changed_since_overlaps_on_servicenows_clock() -> None:
    """A mark is read again for ten minutes before it."""
    records = [(f"2026-01-01 00:{m:02}:00", f"{m:032x}", True) for m in range(30)]
    with TinyServer(World(records).respond) as server:
        pages = read_all(server, Mark("2026-01-01 00:20:00", ID[2]), 100)
    assert [row["sys_updated_on"][14:16] for page in pages for row in page.records] == [
        f"{m:02}" for m in range(10, 30)
    ]


def test_changed_since_ends_on_an_empty_instance() -> None:
    """No record, no page, one request."""
    with TinyServer(World([]).respond) as server:
        assert read_all(server, None, 10) == []
        assert len(server.seen) == 1


def test_changed_since_refuses_an_unsorted_answer() -> None:
    """A cursor that does not move would read for ever."""
    row: dict[str, object] = {
        "sys_updated_on": "2026-01-01 00:00:00",
        "sys_id": ID[1],
        "correlation_id": "isth:c:x",
    }
    with TinyServer(lambda _: rows(row, total=5)) as server, pytest.raises(Fatal) as caught:
        read_all(server, None, 1)
    assert caught.value.reason == "cursor_stuck"


def test_changed_since_refuses_foreign_records() -> None:
    """A record without our prefix shows that the condition was ignored."""
    row: dict[str, object] = {"sys_updated_on": "2026-01-01 00:00:00", "sys_id": ID[1], "correlation_id": ""}
    with TinyServer(lambda _: rows(row)) as server, pytest.raises(Fatal) as caught:
        read_all(server, None, 1)
    assert caught.value.reason == "query_ignored"


def test_get_of_a_missing_record_is_none() -> None:
    """404 'No Record found' means absent or hidden."""
    gone = Reply(404, {"error": {"message": "No Record found", "detail": "Record doesn't exist or ACL"}})
    with TinyServer(lambda _: gone) as server:
        assert client(server).get("incident", ID[1], ["state"], deadline=Deadline(5)) is None


def test_values_are_strings_whatever_comes() -> None:
    """References, nulls, numbers and booleans become ServiceNow's strings."""
    record = {"caller_id": {"link": "x", "value": ID[2]}, "a": None, "b": 3, "c": True, "d": "e"}
    with TinyServer(lambda _: Reply(body={"result": record})) as server:
        got = client(server).get("incident", ID[1], ["a"], deadline=Deadline(5))
    assert got == {"caller_id": ID[2], "a": "", "b": "3", "c": "true", "d": "e"}


def test_create_sends_strings_and_reads_back() -> None:
    """The body holds actual values as strings, and the stored record comes back."""
    stored = Reply(201, {"result": {"sys_id": ID[1], "number": "INC1", "short_description": "cut"}})
    gate = Gate()
    with TinyServer(lambda _: stored) as server:
        record = client(server, gate).create(
            "incident",
            {"sys_id": ID[1], "state": "1"},
            ["short_description"],
            deadline=Deadline(5),
            urgent=True,
        )
        seen = server.seen[0]
    assert record["short_description"] == "cut"
    assert seen.body == b'{"sys_id":"00000000000000000000000000000001","state":"1"}'
    assert seen.query["sysparm_input_display_value"] == "false"
    assert (gate.held, gate.told) == ([True], ["succeeded"])


def test_401_is_tried_once_with_a_fresh_token() -> None:
    """An expired token costs one more request; a second 401 is for a person."""
    auth = Header()

    def respond(seen: Seen) -> Reply:
        fine = seen.headers["Authorization"] == "Bearer 1"
        return Reply(201, {"result": {"sys_id": ID[1]}}) if fine else Reply(401, {"error": {"message": "x"}})

    with TinyServer(respond) as server:
        table = client(server, auth=auth)
        table.create("incident", {}, deadline=Deadline(5))
        assert len(server.seen) == 2
        auth.renewed = 7
        with pytest.raises(HttpFatal) as caught:
            table.create("incident", {}, deadline=Deadline(5))
        assert caught.value.reason == "signin_refused"
        assert len(server.seen) == 4


def test_semaphore_429_tells_the_gate() -> None:
    """The budget learns that the instance is busy."""
    gate = Gate()
    with TinyServer(lambda _: Reply(429, {})) as server, pytest.raises(Throttled):
        client(server, gate).create("incident", {}, deadline=Deadline(5))
    assert gate.told == ["throttled"]


def test_choices_prefer_the_tables_own() -> None:
    """Choices of the table hide those of task; labels of other languages don't double a value."""
    answer = rows(
        {"name": "task", "value": "9", "label": "Nine"},
        {"name": "incident", "value": "a", "label": "A"},
        {"name": "incident", "value": "b", "label": "B"},
        {"name": "incident", "value": "a", "label": "Ä"},
    )
    with TinyServer(lambda _: answer) as server:
        got = client(server).choices("incident", "close_code", deadline=Deadline(5))
    assert [(choice.value, choice.label) for choice in got] == [("a", "A"), ("b", "B")]


def test_groups_put_active_ones_first() -> None:
    """Group names are not unique."""
    answer = rows(
        {"name": "Net", "sys_id": ID[1], "active": "false"},
        {"name": "Net", "sys_id": ID[2], "active": "true"},
    )
    with TinyServer(lambda _: answer) as server:
        got = client(server).groups(["Net", "None"], deadline=Deadline(5))
    assert [(g.sys_id, g.active) for g in got["Net"]] == [(ID[2], True), (ID[1], False)]
    assert "None" not in got


def test_count_is_a_number() -> None:
    """Aggregates come as strings."""
    with TinyServer(lambda _: Reply(body={"result": {"stats": {"count": "42"}}})) as server:
        assert client(server).count("incident", "active=true", deadline=Deadline(5)) == 42


@pytest.mark.parametrize(
    "url",
    [
        "http://dev1.service-now.com",
        "https://dev1.service-now.com.evil.example",
        "https://evil.example",
        "https://user:pw@dev1.service-now.com",
        "https://dev1.service-now.com/login",
        "https://dev1.service-now.com:99999",
        "dev1.service-now.com",
        "",
    ],
)
def test_mistyped_instances_are_refused(url: str) -> None:
    """A token is only sent over https to a ServiceNow domain or an allowed host."""
    with pytest.raises(Fatal) as caught:
        instance_url(url)
    assert caught.value.reason == "bad_instance_url"
    assert "pw" not in str(caught.value)


def test_instances_are_normalised() -> None:
    """Letter case and a trailing slash don't matter; other hosts must be allowed by name."""
    assert instance_url("https://Dev1.Service-Now.com/") == "https://dev1.service-now.com"
    assert instance_url("https://agency.servicenowservices.com") == "https://agency.servicenowservices.com"
    assert instance_url("https://127.0.0.1:8443", ["127.0.0.1"]) == "https://127.0.0.1:8443"
