"""What ServiceNow's answers mean, for whole answers and for the items of a batch.

The texts are measured ones (servicenow-api 1.6, 5.1, 5.5); the reasons are stable and used as metric labels.
"""

import random
import re
import time
from collections.abc import Callable, Mapping

import msgspec

from common.http.errors import HttpError, Throttled
from common.http.reactions import Reaction, Said, choose
from common.http.reading import retry_after, shorten

SIDE = "servicenow"
_SEMAPHORE_SECONDS = 2.0
_RULE_SECONDS = 60.0

_BY_TEXT = (
    Said(400, re.compile(r"Invalid table"), Reaction("fatal", "invalid_table", "Check the table's name.")),
    Said(400, re.compile(r"large REST payload"), Reaction("fatal", "payload_too_large")),
    Said(
        403,
        re.compile(r"Failed API level ACL"),
        Reaction("retry", "api_acl", "If it stays: grant the role that the REST API asks for."),
    ),
    Said(
        403,
        re.compile(r"Data Policy Exception"),
        Reaction("fatal", "data_policy", "Set the field, or exempt the integration user.", acted=True),
    ),
    Said(
        403,
        re.compile(r"aborted by Business Rule"),
        Reaction("fatal", "business_rule", "Ask the platform owner about that rule.", acted=True),
    ),
    Said(403, re.compile(r"Error during insert"), Reaction("fatal", "insert_refused", acted=True)),
    Said(
        403,
        re.compile(r"ACL Exception"),
        Reaction("fatal", "acl_denied", "Grant the integration user this right.", acted=True),
    ),
    Said(
        403,
        re.compile(r"Insufficient rights|do not have permission to be read"),
        Reaction("fatal", "no_read_right", "Grant the integration user the right to read it."),
    ),
    Said(404, re.compile(r"No Record found|Record doesn't exist"), Reaction("skip", "no_record")),
    Said(
        500,
        re.compile(r"Transaction cancelled"),
        Reaction("retry", "transaction_cancelled", acted=True),
    ),
)
_TRANSIENT = Reaction("retry", "server_error", acted=True)
_BY_STATUS: Mapping[int, Reaction] = {
    301: Reaction("fatal", "redirected", "Check the instance's URL."),
    302: Reaction("fatal", "redirected", "Check the instance's URL."),
    307: Reaction("fatal", "redirected", "Check the instance's URL."),
    308: Reaction("fatal", "redirected", "Check the instance's URL."),
    400: Reaction("fatal", "bad_request"),
    401: Reaction(
        "fatal", "signin_refused", "Check user, role and client; newer instances refuse Basic by default."
    ),
    403: Reaction("fatal", "forbidden", "Grant the integration user this right.", acted=True),
    404: Reaction("fatal", "no_such_resource"),
    405: Reaction("fatal", "bad_request"),
    406: Reaction("fatal", "bad_request"),
    408: _TRANSIENT,
    413: Reaction("fatal", "payload_too_large"),
    414: Reaction("fatal", "bad_request"),
    415: Reaction("fatal", "bad_request"),
    499: _TRANSIENT,
}


class _Detail(msgspec.Struct):
    message: str | None = None
    detail: str | None = None


class _Envelope(msgspec.Struct):
    error: _Detail | str | None = None


_envelope = msgspec.json.Decoder(_Envelope)


def said(content: bytes) -> str:
    """What an error body says (message: detail) as one line; "" where it says nothing."""
    try:
        error = _envelope.decode(content).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    if not isinstance(error, _Detail):
        return shorten(error or "")
    return shorten(": ".join(part for part in (error.message, error.detail) if part))


def error_of(
    route: str,
    status: int,
    headers: Mapping[str, str],
    content: bytes,
    *,
    now: Callable[[], float] = time.time,
) -> HttpError | None:
    """The typed error of an answer; None for success. For batch items pass their own status and body."""
    if 200 <= status < 300:
        return None
    text = said(content)
    if status == 429:
        return _throttled(route, headers, text, now)
    wait = retry_after(headers)
    if status == 503 and wait is not None:
        return Reaction("park", "unavailable", acted=True, seconds=wait).error(SIDE, route, status, text)
    return choose(status, text, _BY_TEXT, _BY_STATUS).error(SIDE, route, status, text)


def _throttled(route: str, headers: Mapping[str, str], text: str, now: Callable[[], float]) -> Throttled:
    """With X-RateLimit headers a rule of the admin's (wait for it); without, the semaphore (KB0546297)."""
    if any(name.lower().startswith("x-ratelimit-") for name in headers):
        wait = retry_after(headers) or _until_reset(headers, now()) or _RULE_SECONDS
        message = f"{SIDE} answered 429 to {route}: {text or 'a rate limit rule'}; next in {wait:.0f} s."
        return Throttled("rate_limited", message, wait)
    wait = retry_after(headers) or _SEMAPHORE_SECONDS * (1 + random.random())
    return Throttled(
        "semaphore",
        f"{SIDE} answered 429 to {route}: all its API transactions are taken.",
        wait,
        semaphore=True,
    )


def _until_reset(headers: Mapping[str, str], now: float) -> float | None:
    try:
        return max(1.0, float(headers.get("X-RateLimit-Reset", "")) - now)
    except ValueError:
        return None
