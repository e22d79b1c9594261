"""Reading answers: content type before status, bytes into types, waits out of headers."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec

from common.http.errors import HttpFatal, HttpPark, HttpRetry
from common.http.exchange import Answer

T = TypeVar("T")

ASLEEP_SECONDS = 300.0
NOT_JSON_SECONDS = 60.0
_LONGEST_WAIT = 86_400.0
_HIBERNATING = re.compile(rb"hibernat", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def require_json(side: str, route: str, answer: Answer) -> None:
    """Raise HttpPark `instance_asleep` or `not_json` unless the body is JSON or absent.

    Checked before the status: a hibernating instance answers 200 with HTML, to a POST as well, and a proxy's
    502 page may hide a commit (servicenow-api 0#6, 5.6).
    """
    kind = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if not answer.content or kind == "application/json" or kind.endswith("+json"):
        return
    if _HIBERNATING.search(answer.content[:65536]):
        raise HttpPark(
            "instance_asleep",
            f"{side} is hibernating and answered {route} with a page for people: wake it.",
            status=answer.status,
            seconds=ASLEEP_SECONDS,
        )
    raise HttpPark(
        "not_json",
        f"{side} answered {route} with {shorten(kind) or 'an unnamed type'} instead of JSON"
        f" (status {answer.status}): a login page, a proxy or maintenance.",
        status=answer.status,
        acted=True,
        seconds=retry_after(answer.headers) or NOT_JSON_SECONDS,
    )


def decode(side: str, route: str, answer: Answer, decoder: Callable[[bytes], T]) -> T:
    """Decode a successful answer's body.

    Raises HttpRetry `truncated_answer` where it is not whole JSON (a quota cuts a 200 in mid-stream:
    servicenow-api 0#5) and HttpFatal `malformed_answer` where it is JSON of another shape.
    """
    try:
        return decoder(answer.content)
    except msgspec.ValidationError as error:
        message = f"{side} answered {route} with an unexpected shape: {shorten(str(error))}"
        raise HttpFatal("malformed_answer", message, status=answer.status, acted=True) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = f"{side} answered {route} with status {answer.status} and broken JSON."
        raise HttpRetry("truncated_answer", message, status=answer.status, acted=True) from None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header (a number or an HTTP date); None without one."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _until(text)
    return min(max(seconds, 1.0), _LONGEST_WAIT) if seconds == seconds else None  # noqa: PLR0124 - not NaN


def _until(text: str) -> float:
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return float("nan")
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()


def shorten(text: str, limit: int = 300) -> str:
    """Text from outside as one printable line for a message."""
    return _UNPRINTABLE.sub(" ", text).strip()[:limit]
