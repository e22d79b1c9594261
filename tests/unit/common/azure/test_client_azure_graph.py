"""Resource Graph and ARM: pages to the last, halved, truncated, throttled; links that lead elsewhere."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from common.azure import kql
from common.azure.answers import error_of
from common.azure.arm import Arm
from common.azure.caller import ArmCaller
from common.azure.resource_graph import Page, ResourceGraph, Scope
from common.azure.rows import AssessmentRow, CountRow
from common.errors import Fatal, Park, SyncError
from common.http.deadline import Deadline
from common.http.errors import HttpFatal, HttpRetry, HttpSkip, Throttled
from common.http.exchange import Exchange
from common.http.session import build_session
from common.model.finding import Severity
from tests.tiny_server import Reply, Seen, TinyServer

SCOPE = Scope(subscriptions=["s1"])


class Header:
    """A sign-in that counts its renewals."""

    def __init__(self) -> None:
        self.renewed = 0

    def header(self, deadline: Deadline) -> str:  # noqa: ARG002 - nothing to fetch
        return f"Bearer {self.renewed}"

    def renew(self, rejected: str) -> None:
        assert rejected == f"Bearer {self.renewed}"
        self.renewed += 1


class Budget:
    """A quota of `left`."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.heard: list[tuple[int, float]] = []

    def acquire(self, n: int = 1, max_wait: float = 2.0) -> None:
        assert max_wait <= 2.0
        if self.left < n:
            raise Park("no_quota", "used up", 5.0)
        self.left -= n

    def observed(self, remaining: int, resets_after: float) -> None:
        self.heard.append((remaining, resets_after))


def caller(server: TinyServer) -> ArmCaller:
    return ArmCaller(server.url, Header(), Exchange("defender", build_session(server.ca, None, 4, "t")))


def graph(server: TinyServer, budget: Budget | None = None) -> ResourceGraph:
    return ResourceGraph(caller(server), budget)


def asked(seen: Seen) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.json.decode(seen.body)
    return value


def serving(count: int, largest: int = 1000) -> Callable[[Seen], Reply]:
    """Resource Graph over `count` rows; pages above `largest` are too large a payload."""

    def respond(seen: Seen) -> Reply:
        options = asked(seen)["options"]
        start, size = int(str(options.get("$skipToken", "0"))), int(str(options["$top"]))
        if size > largest:
            detail = {"code": "ResponsePayloadTooLarge", "message": "Response payload size is 94330584"}
            return Reply(400, {"error": {"code": "BadRequest", "message": "x", "details": [detail]}})
        rows = [{"id": f"/a/{i}"} for i in range(start, min(start + size, count))]
        body: dict[str, object] = {
            "totalRecords": count,
            "count": len(rows),
            "resultTruncated": "false",
            "data": rows,
        }
        if start + size < count:
            body["$skipToken"] = str(start + size)
        headers = {"x-ms-user-quota-remaining": "14", "x-ms-user-quota-resets-after": "00:00:05"}
        return Reply(body=body, headers=headers)

    return respond


def read(server: TinyServer, size: int, budget: Budget | None = None) -> list[Page[AssessmentRow]]:
    pages = graph(server, budget).pages(
        kql.ASSESSMENTS, AssessmentRow, SCOPE, page_size=size, deadline=Deadline(10)
    )
    return list(pages)


def test_pages_run_to_the_last_one() -> None:
    """Numbers count up, the last page is known, each costs one of the quota."""
    budget = Budget(10)
    with TinyServer(serving(25)) as server:
        pages = read(server, 10, budget)
        sent = asked(server.seen[0])
    assert [(page.number, len(page.rows), page.last) for page in pages] == [
        (0, 10, False),
        (1, 10, False),
        (2, 5, True),
    ]
    assert {page.total for page in pages} == {25}
    assert budget.left == 7
    assert budget.heard[0] == (14, 5.0)
    assert sent["subscriptions"] == ["s1"]
    assert sent["options"] == {"$top": 10, "resultFormat": "objectArray"}
    assert server.seen[0].headers["Content-Type"] == "application/json"


def test_too_large_a_payload_halves_the_page() -> None:
    """The chain goes on with smaller pages and loses nothing."""
    with TinyServer(serving(30, largest=5)) as server:
        pages = read(server, 20)
    ids = [row.id for page in pages for row in page.rows]
    assert ids == [f"/a/{i}" for i in range(30)]
    assert {page.size for page in pages} == {5}


def test_a_row_too_large_alone_is_for_a_person() -> None:
    """Halving ends at one row."""
    with TinyServer(serving(30, largest=0)) as server, pytest.raises(HttpFatal) as caught:
        read(server, 4)
    assert caught.value.reason == "payload_too_large"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body={"data": [{"id": "/a"}], "resultTruncated": "true", "totalRecords": 9}),
        Reply(
            body={"data": [{"id": "/a"}], "resultTruncated": "false", "totalRecords": 1},
            headers={"x-ms-tenant-subscription-limit-hit": "true"},
        ),
    ],
)
def test_truncated_results_are_flagged(reply: Reply) -> None:
    """A cut result or left-out subscriptions are no whole answer, and no evidence of absence."""
    with TinyServer(lambda _: reply) as server:
        assert [page.truncated for page in read(server, 10)] == [True]
        with pytest.raises(HttpFatal) as caught:
            graph(server).rows_by_id(["/a"], AssessmentRow, SCOPE, deadline=Deadline(5))
    assert caught.value.reason == "truncated_result"


def test_counts_that_disagree_are_no_whole_answer() -> None:
    """A row omitted by a moving result is asked for again."""
    reply = Reply(body={"data": [{"id": "/a"}], "totalRecords": 2})
    with TinyServer(lambda _: reply) as server, pytest.raises(HttpRetry) as caught:
        graph(server).rows_by_id(["/a", "/b"], AssessmentRow, SCOPE, deadline=Deadline(5))
    assert caught.value.reason == "counts_disagree"


def test_a_chain_goes_on_where_it_was_left() -> None:
    """A skip token and a page number carry it over to another task."""
    with TinyServer(serving(30)) as server:
        first = next(
            graph(server).pages(kql.ASSESSMENTS, AssessmentRow, SCOPE, page_size=20, deadline=Deadline(5))
        )
        rest = graph(server).pages(
            kql.ASSESSMENTS,
            AssessmentRow,
            SCOPE,
            page_size=20,
            skip_token=first.skip_token,
            number=first.number + 1,
            deadline=Deadline(5),
        )
        assert [(page.number, len(page.rows)) for page in rest] == [(1, 10)]


def test_a_link_to_itself_ends_with_an_error() -> None:
    """A skip token that does not move would read for ever."""
    reply = Reply(body={"data": [{"id": "/a"}], "$skipToken": "same"})
    with TinyServer(lambda _: reply) as server, pytest.raises(HttpFatal) as caught:
        read(server, 10)
    assert caught.value.reason == "cursor_stuck"


def test_throttling_parks_and_lowers_the_budget() -> None:
    """429 is parked for the longer of both headers, and the fleet hears of it."""
    budget = Budget(5)
    reply = Reply(
        429,
        {"error": {"code": "RateLimiting", "message": "Please see"}},
        {"Retry-After": "3", "x-ms-user-quota-resets-after": "00:01:05"},
    )
    with TinyServer(lambda _: reply) as server, pytest.raises(Throttled) as caught:
        read(server, 10, budget)
    assert (caught.value.reason, caught.value.seconds) == ("throttled", 65.0)
    assert budget.heard == [(0, 65.0)]


def test_no_quota_no_request() -> None:
    """Without a reservation nothing is sent."""
    with TinyServer(serving(5)) as server:
        with pytest.raises(Park):
            read(server, 10, Budget(0))
        assert server.seen == []


def test_a_rejected_token_is_renewed_once() -> None:
    """401 costs one fresh token; a second 401 is for a person."""

    def respond(seen: Seen) -> Reply:
        if seen.headers["Authorization"] == "Bearer 1":
            return serving(1)(seen)
        return Reply(401, {"error": {"code": "ExpiredAuthenticationToken", "message": "x"}})

    with TinyServer(respond) as server:
        assert len(read(server, 10)) == 1
        assert len(server.seen) == 2
    with TinyServer(lambda _: Reply(401, {"error": {"code": "InvalidAuthenticationToken"}})) as server:
        with pytest.raises(HttpFatal) as caught:
            read(server, 10)
        assert caught.value.reason == "signin_refused"
        assert len(server.seen) == 2


def test_scopes_are_explicit_and_bounded() -> None:
    """No scope would mean the whole tenant."""
    for scope in (Scope(), Scope(subscriptions=["s"] * 1001)):
        with pytest.raises(Fatal) as caught:
            scope.body()
        assert caught.value.reason == "bad_scope"
    assert Scope(management_groups=["root"]).body() == {"managementGroups": ["root"]}


def test_counts_come_typed() -> None:
    """The planner's counts are numbers by subscription."""
    reply = Reply(body={"data": [{"subscriptionId": "s", "rows": 7}], "totalRecords": 1})
    with TinyServer(lambda _: reply) as server:
        rows = graph(server).rows(kql.ASSESSMENT_COUNTS, CountRow, SCOPE, deadline=Deadline(5))
    assert [(row.subscriptionId, row.rows) for row in rows] == [("s", 7)]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("a", "'a'"), ("it's", r"'it\'s'"), ("a\\", r"'a\\'"), ("x' or 1==1 //", r"'x\' or 1==1 //'")],
)
def test_values_are_quoted(text: str, quoted: str) -> None:
    """A quote or backslash in an id can't end the string."""
    assert kql.literal(text) == quoted


def test_queries_refuse_control_characters_and_long_lists() -> None:
    """Neither a line break nor more than 200 ids get into a query."""
    with pytest.raises(Fatal):
        kql.literal("a\nb")
    for ids in ([], ["/x"] * 201):
        with pytest.raises(ValueError, match="at once"):
            kql.assessments_by_id(ids)
    assert "id in~ ('/x', '/y')" in kql.assessments_by_id(["/x", "/y"])
    assert "name startswith '0' or name startswith '1'" in kql.assessments_of(["0", "1"])


@pytest.mark.parametrize(
    ("status", "code", "detail", "kind", "reason"),
    [
        (400, "BadRequest", "InvalidQuery", HttpFatal, "bad_query"),
        (400, "BadRequest", "InvalidSkipToken", HttpRetry, "skip_token_expired"),
        (400, "BadRequest", "TooManySubscriptionsUnderScope", HttpFatal, "too_many_subscriptions"),
        (400, "InvalidApiVersionParameter", "", HttpFatal, "bad_api_version"),
        (403, "AuthorizationFailed", "", HttpFatal, "role_missing"),
        (404, "SubscriptionNotFound", "", HttpFatal, "subscription_not_found"),
        (404, "ResourceNotFound", "", HttpSkip, "no_resource"),
        (500, "InternalServerError", "", HttpRetry, "server_error"),
        (504, "GatewayTimeout", "", HttpRetry, "server_error"),
    ],
)
def test_error_bodies(status: int, code: str, detail: str, kind: type[SyncError], reason: str) -> None:
    """Each body of ARM's has its family and its stable reason; the details decide."""
    details = [{"code": detail, "message": "m"}] if detail else []
    body = msgspec.json.encode({"error": {"code": code, "message": "please", "details": details}})
    error = error_of("arg.query", status, {}, body)
    assert error is not None
    assert (type(error), error.reason) == (kind, reason)


def metadata(name: str) -> dict[str, object]:
    return {
        "name": name,
        "properties": {
            "DisplayName": "Encrypt",
            "severity": "critical",
            "categories": ["Compute"],
            "preview": True,
            "remediationDescription": "<a>",
        },
    }


def test_metadata_runs_over_its_pages() -> None:
    """Links are followed verbatim; keys are read in any case."""

    def respond(seen: Seen) -> Reply:
        if "page" in seen.query:
            return Reply(body={"value": [metadata("B")]})
        link = f"https://{seen.headers['Host']}{seen.path}?page=2&api-version=9"
        return Reply(body={"value": [metadata("A"), {"name": "C"}], "nextLink": link})

    with TinyServer(respond) as server:
        found = Arm(caller(server)).recommendations(deadline=Deadline(5), subscription="s-1")
        assert dict(server.seen[1].query) == {"page": "2", "api-version": "9"}
        assert server.seen[0].path == "/subscriptions/s-1/providers/Microsoft.Security/assessmentMetadata"
    assert sorted(found) == ["a", "b", "c"]
    assert (found["a"].title, found["a"].severity, found["a"].preview) == ("Encrypt", Severity.CRITICAL, True)
    assert found["c"].severity is Severity.UNKNOWN


def test_a_link_to_another_host_is_not_followed() -> None:
    """The token stays with ARM."""
    reply = Reply(body={"value": [], "nextLink": "https://evil.example/x"})
    with TinyServer(lambda _: reply) as server:
        with pytest.raises(Fatal) as caught:
            Arm(caller(server)).subscriptions(deadline=Deadline(5))
        assert len(server.seen) == 1
    assert caught.value.reason == "foreign_next_link"


def test_plans_are_on_at_standard() -> None:
    """CloudPosture at Standard is Defender CSPM."""
    value = [
        {"name": "CloudPosture", "properties": {"pricingTier": "Standard"}},
        {"name": "Arm", "properties": {"pricingTier": "Free"}},
    ]
    with TinyServer(lambda _: Reply(body={"value": value})) as server:
        plans = Arm(caller(server)).pricings("s-1", deadline=Deadline(5))
    assert [(plan.name, plan.on) for plan in plans] == [("CloudPosture", True), ("Arm", False)]


def test_subscription_ids_are_checked_as_segments() -> None:
    """A path is never built from anything but an id."""
    with TinyServer(lambda _: Reply()) as server, pytest.raises(Fatal):
        Arm(caller(server)).pricings("../x", deadline=Deadline(5))
