"""What ServiceNow's answers mean: the measured texts, each with its reaction."""

import msgspec
import pytest

from common.errors import SyncError
from common.http.errors import HttpFatal, HttpPark, HttpRetry, HttpSkip, Throttled
from common.servicenow.answers import error_of, said


def body(message: str, detail: str | None = None) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "detail": detail}, "status": "failure"})


@pytest.mark.parametrize(
    ("status", "message", "detail", "kind", "reason", "acted"),
    [
        (400, "Invalid table nonsense", None, HttpFatal, "invalid_table", False),
        (400, "Exception while reading request", "x", HttpFatal, "bad_request", False),
        (
            400,
            "Exception while reading request",
            "Rejected large REST payload with content-length = 9 bytes.",
            HttpFatal,
            "payload_too_large",
            False,
        ),
        (401, "User Not Authenticated", "Required to provide Auth", HttpFatal, "signin_refused", False),
        (403, "Insufficient rights to query records", None, HttpFatal, "no_read_right", False),
        (403, "Operation Failed", "ACL Exception Insert Failed due to", HttpFatal, "acl_denied", True),
        (403, "Operation Failed", "Data Policy Exception: The fol", HttpFatal, "data_policy", True),
        (
            403,
            "Operation Failed",
            "Operation against file 'incident' was aborted by Business Rule 'X^1'.",
            HttpFatal,
            "business_rule",
            True,
        ),
        (
            403,
            "Operation Failed",
            "Error during insert of incident (INC1)",
            HttpFatal,
            "insert_refused",
            True,
        ),
        (403, "User Not Authorized", "Failed API level ACL Validation", HttpRetry, "api_acl", False),
        (403, "Something new", None, HttpFatal, "forbidden", True),
        (404, "No Record found", "Record doesn't exist or ACL", HttpSkip, "no_record", False),
        (404, "Requested URI does not represent", None, HttpFatal, "no_such_resource", False),
        (418, "teapot", None, HttpFatal, "unexpected_status", True),
        (499, "closed", None, HttpRetry, "server_error", True),
        (500, "Transaction cancelled: maximum exe", None, HttpRetry, "transaction_cancelled", True),
        (500, "other", None, HttpRetry, "server_error", True),
        (502, "", None, HttpRetry, "server_error", True),
    ],
)
def test_error_bodies(
    status: int, message: str, detail: str | None, kind: type[SyncError], reason: str, acted: bool
) -> None:
    """Each measured body has its family, its stable reason, and whether the server may have acted."""
    error = error_of("servicenow.table.create", status, {}, body(message, detail))
    assert error is not None
    assert (type(error), error.reason, error.acted, error.status) == (kind, reason, acted, status)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_success_is_no_error(status: int) -> None:
    """2xx is success whatever the body says."""
    assert error_of("r", status, {}, body("x")) is None


def test_429_with_rate_limit_headers_waits_for_the_rule() -> None:
    """A rule's 429 is parked as long as Retry-After says."""
    error = error_of("r", 429, {"X-RateLimit-Rule": "1", "Retry-After": "1700"}, body("Rate limit exceeded"))
    assert isinstance(error, Throttled)
    assert (error.reason, error.seconds, error.semaphore) == ("rate_limited", 1700.0, False)


def test_429_with_reset_only_waits_until_then() -> None:
    """Without Retry-After the reset time counts."""
    headers = {"X-RateLimit-Limit": "100", "X-RateLimit-Reset": "1030"}
    error = error_of("r", 429, headers, b"", now=lambda: 1000.0)
    assert isinstance(error, Throttled)
    assert error.seconds == 30.0


def test_429_without_headers_is_the_semaphore() -> None:
    """Too many at a time: a short, jittered wait, and the budget is to halve."""
    waits = set()
    for _ in range(20):
        error = error_of("r", 429, {}, b"")
        assert isinstance(error, Throttled)
        assert error.semaphore
        assert 2.0 <= error.seconds <= 4.0
        waits.add(error.seconds)
    assert len(waits) > 1


def test_503_with_retry_after_is_parked() -> None:
    """Maintenance that names its end is waited for."""
    error = error_of("r", 503, {"Retry-After": "120"}, b"")
    assert isinstance(error, HttpPark)
    assert error.seconds == 120.0


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'{"error":{"message":"a","detail":null}}', "a"),
        (b'{"error":"plain"}', "plain"),
        (b"not json", ""),
        (b'{"error":{"message":"a\\nb","detail":"c"}}', "a b: c"),
    ],
)
def test_said_is_one_line(content: bytes, text: str) -> None:
    """Whatever shape the envelope has, a message gets one line of it."""
    assert said(content) == text
