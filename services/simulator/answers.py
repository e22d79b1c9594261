"""The answers that faults give, byte-like the real ones where they were measured."""

import gzip
import itertools
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

CANCELLED: Final = "Transaction cancelled: maximum execution time exceeded"
HIBERNATING: Final = """<!DOCTYPE html>
<html><head><title>Instance Hibernating page</title></head>
<body class="instance-hibernating-page"><h1>Your instance is hibernating</h1>
<p><a href="https://developer.servicenow.com">Want to find out why instances hibernate?</a></p></body></html>
"""
BAD_GATEWAY: Final = """<html>\r
<head><title>502 Bad Gateway</title></head>\r
<body>\r
<center><h1>502 Bad Gateway</h1></center>\r
<hr><center>nginx</center>\r
</body>\r
</html>\r
"""
_CLASSES: Final[Mapping[int, type[web.HTTPException]]] = {
    200: web.HTTPOk,
    400: web.HTTPBadRequest,
    403: web.HTTPForbidden,
    429: web.HTTPTooManyRequests,
    500: web.HTTPInternalServerError,
    502: web.HTTPBadGateway,
}
_RULE: Final = "a2d6a1c2db7f1300aab9f1ffce9619ef"


def _fail(status: int, text: str, content_type: str, headers: Mapping[str, str]) -> web.HTTPException:
    return _CLASSES[status](text=text, content_type=content_type, headers=dict(headers))


def _json(status: int, body: Any, headers: Mapping[str, str] | None = None) -> web.HTTPException:
    return _fail(status, msgspec.json.encode(body).decode(), "application/json", headers or {})


def servicenow(
    status: int, message: str, detail: str | None, headers: Mapping[str, str] | None = None
) -> web.HTTPException:
    """ServiceNow's envelope (servicenow-api 1.6)."""
    return _json(status, {"error": {"message": message, "detail": detail}, "status": "failure"}, headers)


def arm(
    status: int,
    code: str,
    message: str,
    details: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.HTTPException:
    """ARM's envelope (defender-api 4)."""
    error: dict[str, Any] = {"code": code, "message": message}
    if details is not None:
        error["details"] = details
    return _json(status, {"error": error}, headers)


def html(status: int, text: str) -> web.HTTPException:
    """A page for people where a client expects JSON (servicenow-api 5.6)."""
    return _fail(status, text, "text/html", {})


def server_error(route: str) -> web.HTTPException:
    """The 500 of the route's side (servicenow-api 1.6, defender-api 4; Entra: AADSTS90033)."""
    if route.startswith("servicenow."):
        return servicenow(500, CANCELLED, f"{CANCELLED}. Check logs for error trace.")
    if route.startswith("login."):
        text = "AADSTS90033: A transient error has occurred. Please try again."
        return _json(
            500, {"error": "temporarily_unavailable", "error_description": text, "error_codes": [90033]}
        )
    return arm(500, "InternalServerError", "Encountered internal server error. Please retry.")


def inserted_but_unreadable(route: str) -> web.HTTPException:
    """403 although the row was written: the read-back was refused (servicenow-api 0, fact 4)."""
    verb = {"servicenow.table.update": "Update", "servicenow.table.delete": "Delete"}.get(route, "Insert")
    return servicenow(403, "Operation Failed", f"ACL Exception {verb} Failed due to security constraints")


def semaphore() -> web.HTTPException:
    """429 of a full API_INT queue: it has no X-RateLimit header (servicenow-api 5.2; text unverified)."""
    return servicenow(429, "Too Many Requests", None)


def rate_rule(retry_after: int, now: datetime) -> web.HTTPException:
    """429 of a sys_rate_limit_rules record (servicenow-api 5.1)."""
    headers = {
        "Retry-After": str(retry_after),
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Reset": str(int(now.timestamp()) + retry_after),
        "X-RateLimit-Rule": _RULE,
    }
    detail = "Rate limit of 100 requests per hour for Table API exceeded"
    return servicenow(429, "Rate limit exceeded", detail, headers)


def arm_throttled(retry_after: int) -> web.HTTPException:
    """429 of ARM's token buckets (defender-api 4; message unverified)."""
    message = (
        "Number of 'read' requests exceeded the limit for the subscription and principal. "
        f"Please try again after '{retry_after}' seconds after additional tokens are available. "
        "Refer to https://aka.ms/arm-throttling for additional information."
    )
    headers = {"Retry-After": str(retry_after), "x-ms-ratelimit-remaining-subscription-reads": "0"}
    return arm(429, "SubscriptionRequestsThrottled", message, headers=headers)


def graph_throttled(retry_after: int | None) -> web.HTTPException:
    """429 of Resource Graph (defender-api 3.3); without `retry_after` only the quota headers tell when."""
    headers = {
        "x-ms-user-quota-remaining": "0",
        "x-ms-user-quota-resets-after": f"00:00:{min(retry_after or 5, 59):02d}",
    }
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return arm(
        429, "RateLimiting", "Please see https://aka.ms/resourcegraph-throttling for help.", headers=headers
    )


def skip_token_expired(now: datetime) -> web.HTTPException:
    """400 on a continuation (envelope: defender-api 3.3; the detail's code is unverified)."""
    message = (
        "Please provide below info when asking for support: "
        f"timestamp = {now:%Y-%m-%dT%H:%M:%S}.0000000Z, correlationId = {uuid.uuid4()}."
    )
    detail = {
        "code": "InvalidSkipToken",
        "message": "The skip token is expired or invalid. Start the query anew.",
    }
    return arm(400, "BadRequest", message, [detail])


_REFUSALS: Final[Mapping[str, Callable[[str, Mapping[str, Any], datetime], web.HTTPException]]] = {
    "429_semaphore": lambda _route, _params, _now: semaphore(),
    "429_rate_rule": lambda _route, params, now: rate_rule(int(params.get("retry_after", 5)), now),
    "429_arm": lambda _route, params, _now: arm_throttled(int(params.get("retry_after", 5))),
    "429_arg": lambda _route, params, _now: graph_throttled(params.get("retry_after")),
    "hibernation_200": lambda _route, _params, _now: html(200, HIBERNATING),
    "502_html": lambda _route, _params, _now: html(502, BAD_GATEWAY),
    "skip_token_expired": lambda _route, _params, now: skip_token_expired(now),
    "500_before": lambda route, _params, _now: server_error(route),
}


def refusal(kind: str, route: str, params: Mapping[str, Any], now: datetime) -> web.HTTPException:
    """The answer of a fault that strikes before the commit; `now` is UTC."""
    return _REFUSALS[kind](route, params, now)


def _plain(response: web.Response) -> bytes:
    body = response.body if isinstance(response.body, bytes) else b""
    return gzip.decompress(body) if response.headers.get("Content-Encoding") == "gzip" else body


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


def truncated(response: web.Response) -> web.Response:
    """A complete HTTP 200 whose JSON was cut off in the middle, with the error object appended.

    The shape is examples/servicenow/stackstate-cmdb_ci_result_malformed_json_with_error_msg.txt.
    """
    body = _plain(response)
    tail = (
        f',\n    }}""\n  ],\n  "error": {{\n    "detail": "{CANCELLED}. Check logs for error trace.",\n'
        f'    "message": "{CANCELLED}"\n  }},\n  "status": "failure"\n}}\n'
    ).encode()
    cuts = itertools.chain([len(body) // 2], range(len(body)))
    malformed = next((cut for at in cuts if not _is_json(cut := body[:at] + tail)), tail)
    headers = {
        name: value
        for name, value in response.headers.items()
        if name.lower() not in {"content-length", "content-encoding"}
    }
    return web.Response(status=200, body=malformed, headers=headers)
