"""What ARM's and Resource Graph's answers mean (defender-api 3.3, 4)."""

import re
from collections.abc import Mapping

import msgspec

from common.http.errors import HttpError, Throttled
from common.http.reactions import Reaction, Said, choose
from common.http.reading import retry_after, shorten

SIDE = "defender"
_THROTTLED_SECONDS = 5.0  # Resource Graph's window

_TRANSIENT = Reaction("retry", "server_error", acted=True)
_BY_TEXT = (
    Said(400, re.compile(r"ResponsePayloadTooLarge"), Reaction("fatal", "payload_too_large")),
    Said(400, re.compile(r"skip ?token", re.IGNORECASE), Reaction("retry", "skip_token_expired")),
    Said(
        400,
        re.compile(r"TooManySubscriptions"),
        Reaction("fatal", "too_many_subscriptions", "Name fewer subscriptions or management groups."),
    ),
    Said(400, re.compile(r"InvalidApiVersion|NoRegisteredProvider"), Reaction("fatal", "bad_api_version")),
    Said(
        404,
        re.compile(r"SubscriptionNotFound"),
        Reaction("fatal", "subscription_not_found", "Take it out of the scope, or grant Security Reader."),
    ),
    Said(404, re.compile(r"ResourceNotFound|NotFound"), Reaction("skip", "no_resource")),
)
_BY_STATUS: Mapping[int, Reaction] = {
    400: Reaction("fatal", "bad_query"),
    401: Reaction("fatal", "signin_refused", "Check tenant, client and its secret."),
    403: Reaction("fatal", "role_missing", "Grant Security Reader on the scope."),
    404: Reaction("fatal", "no_such_resource"),
    408: _TRANSIENT,
    409: Reaction("fatal", "conflict", "Register the resource provider Microsoft.Security."),
    413: Reaction("fatal", "payload_too_large"),
}


class _Item(msgspec.Struct):
    code: str | None = None
    message: str | None = None


class _Error(_Item):
    details: list[_Item] | None = None


class _Envelope(msgspec.Struct):
    error: _Error | None = None


_envelope = msgspec.json.Decoder(_Envelope)


def said(content: bytes) -> str:
    """Codes and messages of an error body, the details' first: they hold the reason; one line."""
    try:
        error = _envelope.decode(content).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    if error is None:
        return ""
    parts = [f"{item.code or ''} {item.message or ''}" for item in (*(error.details or ()), error)]
    return shorten("; ".join(part.strip() for part in parts if part.strip()))


def error_of(route: str, status: int, headers: Mapping[str, str], content: bytes) -> HttpError | None:
    """The typed error of an answer; None for success."""
    if 200 <= status < 300:
        return None
    text = said(content)
    wait = retry_after(headers)
    if status == 429:
        seconds = max(wait or 0.0, resets_after(headers) or 0.0) or _THROTTLED_SECONDS
        message = f"{SIDE} answered 429 to {route}: the quota is used up for {seconds:.0f} s."
        return Throttled("throttled", message, seconds)
    if status == 503 and wait is not None:
        return Reaction("park", "unavailable", acted=True, seconds=wait).error(SIDE, route, status, text)
    return choose(status, text, _BY_TEXT, _BY_STATUS).error(SIDE, route, status, text)


def resets_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of `x-ms-user-quota-resets-after` (hh:mm:ss); None without one."""
    parts = headers.get("x-ms-user-quota-resets-after", "").split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds


def quota_remaining(headers: Mapping[str, str]) -> int | None:
    """`x-ms-user-quota-remaining`; None without one."""
    text = headers.get("x-ms-user-quota-remaining", "")
    return int(text) if text.isdecimal() else None
