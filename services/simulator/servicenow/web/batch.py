"""The Batch API (servicenow-api 2): one item after the other, 30 s in all, the rest unserviced."""

import base64
import binascii
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from services.simulator.gate import ITEM_BODY, UNSERVICED, ConnectionAborted
from services.simulator.servicenow.errors import ApiError, unreadable
from services.simulator.servicenow.web.call import Call, refusal, reply
from services.simulator.servicenow.web.dispatch import Dispatch, parameters

BUDGET_SECONDS = 30.0
"""The quota "REST Batch API request timeout", in simulated execution time."""

ITEM_BYTES = 5_242_880


@dataclass(slots=True)
class Progress:
    """What became of the items so far; `seconds` of simulated time are spent."""

    serviced: list[dict[str, Any]]
    unserviced: list[str]
    seconds: float
    aborted: ConnectionAborted | None = None


async def handle(call: Call, dispatch: Dispatch) -> web.StreamResponse:
    """200 whatever becomes of the items; they carry their own status."""
    if call.method != "POST":
        raise ApiError(405, "Method not supported", f"{call.method} is not supported on this resource")
    batch_id, items = read_batch(call.body)
    await call.site.gate.before(call.request, "servicenow.batch")
    last = max(0, len(items) - int(call.request.get(UNSERVICED, 0)))
    progress = Progress([], [], 0.0)
    await _work(call, dispatch, items[:last], progress)
    progress.unserviced += [str(item.get("id", "")) for item in items[last:]]
    call.cost += progress.seconds
    if progress.aborted is not None:
        raise progress.aborted
    body = {
        "batch_request_id": batch_id,
        "serviced_requests": progress.serviced,
        "unserviced_requests": progress.unserviced,
    }
    return await call.site.gate.after(call.request, "servicenow.batch", reply(200, body))


async def _work(call: Call, dispatch: Dispatch, items: list[dict[str, Any]], progress: Progress) -> None:
    """One item after the other. A cut connection ends the batch, or not, by mode; a reset always does."""
    state = call.site.state
    for item in items:
        if progress.seconds >= BUDGET_SECONDS or call.site.state is not state:
            progress.unserviced.append(str(item.get("id", "")))
            continue
        try:
            answer, seconds = await _serve(call, dispatch, item)
        except ConnectionAborted as aborted:
            if not call.site.modes["batch_outlives_connection"]:
                raise
            progress.aborted = aborted
            continue
        progress.seconds += seconds
        progress.serviced.append(answer)


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
