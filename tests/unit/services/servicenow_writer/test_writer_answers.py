"""The answer table."""

import msgspec
import pytest

from common.errors import Park, SyncError
from common.http.errors import AnswerLost, HttpFatal, HttpRetry, NeverSent, Throttled
from common.servicenow.batch import BatchAnswer, ItemAnswer
from services.servicenow_writer.answers import Next, read_batch, read_error, read_item

ROUTE = "servicenow.table.create"


def item(status: int, message: str = "", detail: str = "", result: object = None) -> ItemAnswer:
    body: object = {"result": result}
    if result is None:
        body = {"error": {"message": message, "detail": detail}, "status": "failure"}
    return ItemAnswer(status, msgspec.json.encode(body), 20, ROUTE)


@pytest.mark.parametrize(
    ("answer", "following", "reason"),
    [
        (item(201, result={"sys_id": "a" * 32}), Next.WROTE, ""),
        (item(201, result={"number": "INC1"}), Next.LOOK, "malformed_answer"),
        (ItemAnswer(201, b'{"result":{"sys_', 20, ROUTE), Next.LOOK, "malformed_answer"),
        (item(403, "Operation Failed", "Error during insert of incident"), Next.LOOK, "insert_refused"),
        (item(403, "Operation Failed", "Data Policy Exception: mandatory"), Next.LOOK, "data_policy"),
        (item(403, "Operation Failed", "ACL Exception Insert Failed"), Next.LOOK, "acl_denied"),
        (item(403, "Operation Failed", "was aborted by Business Rule 'x'"), Next.LOOK, "business_rule"),
        (item(403, "Forbidden"), Next.LOOK, "forbidden"),
        (item(404, "No Record found"), Next.LOOK, "no_record"),
        (item(403, "User Not Authorized", "Failed API level ACL Validation"), Next.LATER, "api_acl"),
        (item(429, "Too Many Requests"), Next.LATER, "semaphore"),
        (item(500, "Transaction cancelled: maximum time"), Next.UNCLEAR, "transaction_cancelled"),
        (item(503, "x"), Next.UNCLEAR, "server_error"),
        (item(400, "Invalid table incidents"), Next.DEAD, "invalid_table"),
        (item(401, "User Not Authenticated"), Next.STOP, "signin_refused"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_item(answer: ItemAnswer, following: Next, reason: str) -> None:
    """Each answer of an item asks for one thing."""
    read = read_item(answer)
    assert (read.next, read.reason) == (following, reason)
    assert (read.record is not None) == (following is Next.WROTE)


@pytest.mark.parametrize(
    ("error", "following", "blames"),
    [
        (NeverSent("never_sent", "x"), Next.LATER, True),
        (AnswerLost("answer_lost", "x"), Next.UNCLEAR, True),
        (HttpRetry("truncated_answer", "x", acted=True), Next.UNCLEAR, True),
        (Throttled("semaphore", "x", 3, semaphore=True), Next.LATER, False),
        (Park("no_permit", "x", 1), Next.LATER, False),
        (HttpFatal("tls_refused", "x"), Next.DEAD, True),
        (HttpFatal("signin_refused", "x"), Next.STOP, True),
        (HttpFatal("forbidden", "x", acted=True), Next.LOOK, True),
    ],
    ids=lambda value: value.reason if isinstance(value, SyncError) else "",
)
def test_error(error: SyncError, following: Next, blames: bool) -> None:
    """Attempts are counted only where the request itself may be at fault."""
    read = read_error(error)
    assert (read.next, read.blames) == (following, blames)


def test_wait_of_a_quota() -> None:
    """A quota's own wait is kept."""
    assert read_error(Throttled("rate_limited", "x", 42)).seconds == 42


def test_batch() -> None:
    """What the batch says it did not service was not done; what it does not name may have been."""
    served = item(201, result={"sys_id": "a" * 32})
    answer = BatchAnswer({"0": served}, ("1",), ("2",))
    assert [read_batch(answer, name).next for name in "012"] == [Next.WROTE, Next.AGAIN, Next.UNCLEAR]
