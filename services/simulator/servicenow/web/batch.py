"""The Batch API (servicenow-api 2): one item after the other, 30 s in all, the rest unserviced."""

import base64
import binascii
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from services.simulator.gate import ITEM_BODY, UNSERVICED
from services.simulator.servicenow.errors import ApiError, unreadable
from services.simulator.servicenow.web.call import Call, refusal, reply
from services.simulator.servicenow.web.dispatch import Dispatch, parameters

BUDGET_SECONDS = 30.0
"""The quota "REST Batch API request timeout", in simulated execution time."""

ITEM_BYTES = 5_242_880


async def handle(call: Call, dispatch: Dispatch) -> web.StreamResponse:
    """200 whatever becomes of the items; they carry their own status."""
    if call.method != "POST":
        raise ApiError(405, "Method not supported", f"{call.method} is not supported on this resource")
    batch_id, items = read_batch(call.body)
    await call.site.gate.before(call.request, "servicenow.batch")
    left_out = int(call.request.get(UNSERVICED, 0))
    last = len(items) - left_out
    serviced: list[dict[str, Any]] = []
    unserviced: list[str] = []
    spent = 0.0
    for place, item in enumerate(items):
        if spent >= BUDGET_SECONDS or place >= last:
            unserviced.append(str(item.get("id", "")))
            continue
        answer, seconds = await _serve(call, dispatch, item)
        spent += seconds
        serviced.append(answer)
    call.cost += spent
    body = {"batch_request_id": batch_id, "serviced_requests": serviced, "unserviced_requests": unserviced}
    return await call.site.gate.after(call.request, "servicenow.batch", reply(200, body))


def read_batch(body: bytes) -> tuple[str, list[dict[str, Any]]]:
    """The batch's id as text, and its items; raises ApiError 400 or 500."""
    try:
        data = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise unreadable("The payload is not valid JSON.") from error
    items = data.get("rest_requests") if isinstance(data, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ApiError(500, "Invalid batch request", "rest_requests is missing")
    return str(data.get("batch_request_id", "")), items


async def _serve(call: Call, dispatch: Dispatch, item: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """One item's answer and the seconds it took: the simulated or the real ones, whichever are more."""
    began = call.site.clock.monotonic()
    inner: Call | None = None
    try:
        inner = _inner(call, item)
        call.request[ITEM_BODY] = inner.body
        response = await dispatch(inner)
    except ApiError as error:
        response = refusal(error)
    except web.HTTPException as error:
        response = error
    finally:
        call.request.pop(ITEM_BODY, None)
    seconds = max(call.site.clock.monotonic() - began, inner.cost if inner else 0.0)
    return _answer(item, response, seconds), seconds


def _inner(call: Call, item: dict[str, Any]) -> Call:
    """The item as a call of its own, by the same user."""
    url = urlsplit(str(item.get("url", "")))
    listed = item.get("headers") or []
    headers = CIMultiDict({str(h.get("name", "")): str(h.get("value", "")) for h in listed})
    try:
        body = base64.b64decode(item.get("body") or "", validate=False)
    except (binascii.Error, TypeError, ValueError) as error:
        raise unreadable("The body of a batch item is not base64.") from error
    if len(body) > ITEM_BYTES:
        raise unreadable(f"The body of a batch item has more than {ITEM_BYTES} bytes.")
    return Call(
        site=call.site,
        request=call.request,
        method=str(item.get("method", "GET")).upper(),
        path=url.path,
        query=url.query,
        params=parameters(url.query),
        headers=headers,
        body=body,
        user=call.user,
        at=call.site.stamp(),
        origin=call.origin,
    )


def _answer(item: dict[str, Any], response: web.StreamResponse, seconds: float) -> dict[str, Any]:
    body = response.body if isinstance(response, web.Response) else b""
    headers = [] if item.get("exclude_response_headers") else _headers(response)
    return {
        "id": str(item.get("id", "")),
        "body": base64.b64encode(body if isinstance(body, bytes) else b"").decode(),
        "status_code": response.status,
        "status_text": HTTPStatus(response.status).phrase,
        "headers": headers,
        "execution_time": max(1, round(seconds * 1000)),
    }


def _headers(response: web.StreamResponse) -> list[dict[str, str]]:
    return [{"name": f"{name}", "value": value} for name, value in response.headers.items()]
