"""Reading answers: content type first, whole JSON, waits out of headers."""

from collections.abc import Mapping

import msgspec
import pytest

from common.http.errors import HttpError, HttpFatal, HttpPark, HttpRetry
from common.http.exchange import Answer
from common.http.reading import decode, require_json, retry_after, shorten

JSON = {"Content-Type": "application/json; charset=utf-8"}
_decoder = msgspec.json.Decoder(dict[str, int])


def answer(status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    return Answer(status, headers, content)


def test_hibernating_instance_is_parked_though_it_says_200() -> None:
    """The page for people is told from JSON by its type, before the status."""
    page = b"<html><title>Instance Hibernating page</title></html>"
    with pytest.raises(HttpPark) as caught:
        require_json("servicenow", "r", answer(200, {"Content-Type": "text/html"}, page))
    assert caught.value.reason == "instance_asleep"
    assert caught.value.seconds >= 60


@pytest.mark.parametrize("status", [200, 401, 502])
def test_other_html_is_not_json(status: int) -> None:
    """A login or proxy page is parked; behind a 502 the write may stand."""
    with pytest.raises(HttpPark) as caught:
        require_json("servicenow", "r", answer(status, {"Content-Type": "text/html"}, b"<html>nginx"))
    assert (caught.value.reason, caught.value.acted) == ("not_json", True)


@pytest.mark.parametrize("kind", ["application/json", "application/problem+json; charset=utf-8"])
def test_json_types_pass(kind: str) -> None:
    """Parameters and +json suffixes are JSON too; so is an empty body of no type."""
    require_json("servicenow", "r", answer(200, {"Content-Type": kind}, b"{}"))
    require_json("servicenow", "r", answer(204, {}, b""))


@pytest.mark.parametrize("content", [b'{"a": 1', b'{"a": 1}{"error":', b"", b'{"\xff": 1}'])
def test_broken_json_in_a_success_is_retried(content: bytes) -> None:
    """A quota that cuts a 200 in mid-stream is a truncated answer, and the write may stand."""
    with pytest.raises(HttpRetry) as caught:
        decode("servicenow", "r", answer(200, JSON, content), _decoder.decode)
    assert (caught.value.reason, caught.value.acted) == ("truncated_answer", True)


def test_json_of_another_shape_is_for_a_person() -> None:
    """Whole JSON of an unexpected shape is malformed, and the message names the place, not the value."""
    with pytest.raises(HttpFatal) as caught:
        decode("servicenow", "r", answer(200, JSON, b'{"a": "secret"}'), _decoder.decode)
    assert caught.value.reason == "malformed_answer"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("17", 17.0), ("0", 1.0), ("999999999", 86_400.0), ("soon", None), ("", None), ("nan", None)],
)
def test_retry_after_in_seconds(text: str, seconds: float | None) -> None:
    """Numbers are bounded to a second and a day; nonsense is no header."""
    assert retry_after({"Retry-After": text} if text else {}) == seconds


def test_retry_after_as_a_date() -> None:
    """A date in the past means now."""
    assert retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 1.0


def test_messages_are_one_printable_line() -> None:
    """Control characters from outside can't break a log line."""
    assert shorten("a\r\n\x1b[31mb\u2028c" + "x" * 500, 8) == "a [31mb "


def test_errors_keep_status_and_family() -> None:
    """HttpPark is a Park with its seconds, and an HttpError with its status."""
    error = HttpPark("semaphore", "busy", status=429, seconds=3)
    assert isinstance(error, HttpError)
    assert (error.reason, error.status, error.seconds, str(error)) == ("semaphore", 429, 3, "busy")
