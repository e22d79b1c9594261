"""Where handlers meet latency, faults and barriers: each calls `before` its commit and `after` it."""

import asyncio
import base64
from fnmatch import fnmatchcase
from urllib.parse import unquote_plus

import msgspec
from aiohttp import web

from services.simulator import answers
from services.simulator.barriers import Barrier, BarrierBook
from services.simulator.clock import Clock
from services.simulator.connection import ConnectionAborted, abort
from services.simulator.counts import RequestCounts
from services.simulator.faults import AFTER, BEFORE, Fault, FaultBook

__all__ = ["ABORT_AT_END", "ITEM_BODY", "ROUTE", "UNSERVICED", "ConnectionAborted", "Gate"]

ROUTE: web.RequestKey[str] = web.RequestKey("route", str)
"""The route of the HTTP request itself, set by the middleware; a batch item's route differs from it."""

ABORT_AT_END: web.RequestKey[bool] = web.RequestKey("abort_at_end", bool)
"""The client waits in vain: the middleware cuts the connection instead of sending the answer."""

ITEM_BODY: web.RequestKey[bytes] = web.RequestKey("item_body", bytes)
"""The Batch handler sets `request[ITEM_BODY]` to an item's decoded body before it calls the gate for it, so
that `match` can choose one item."""

UNSERVICED: web.RequestKey[int] = web.RequestKey("unserviced", int)
"""Set by `before(request, "servicenow.batch")` under fault `unserviced`: so many last items are left undone.
The Batch handler reads `request.get(UNSERVICED, 0)`."""


class Gate:
    """Both calls may sleep, hold on a barrier, raise `ConnectionAborted` or change the outcome."""

    def __init__(self, clock: Clock | None = None, seed: int = 0) -> None:
        self._clock = clock or Clock()
        self.faults = FaultBook(seed)
        self.barriers = BarrierBook()
        self.counts = RequestCounts()
        self.latencies: dict[str, float] = {}

    async def before(self, request: web.Request, route: str, subject: str = "") -> None:
        """Await after sign-in and parsing, just before the commit (or the read).

        Raises `web.HTTPException` (status, headers and body are the fault's answer, or the batch item's)
        or `ConnectionAborted` (do not catch).
        """
        is_item = request.get(ROUTE, route) != route
        if is_item:
            self.counts.arrived(route)
        await self._delay(route)
        try:
            await self._faults_before(request, route, subject)
        except web.HTTPException as error:
            if is_item:
                self.counts.answered(route, error.status)
            raise
        await self._hold("before", request, route, subject)

    async def after(
        self, request: web.Request, route: str, response: web.Response, subject: str = ""
    ) -> web.StreamResponse:
        """Await with the finished answer after the commit; send what it returns. May raise as `before`."""
        changed: web.Response = response
        candidates = self.faults.candidates(AFTER, route, subject)
        if candidates:
            text = await self._text(request, candidates)
            for fault in self.faults.hits(candidates, text):
                changed = self._spoil(request, route, changed, fault)
        await self._hold("after", request, route, subject)
        if request.get(ROUTE, route) != route:
            self.counts.answered(route, changed.status)
        return changed

    async def reset(self) -> None:
        """No faults, no latencies, counts at zero; what is held is cut off."""
        self.faults.clear()
        self.latencies.clear()
        await self.barriers.clear()
        self.counts.reset()

    async def _delay(self, route: str) -> None:
        seconds = sum(s for pattern, s in self.latencies.items() if fnmatchcase(route, pattern))
        if seconds > 0:
            await asyncio.sleep(seconds)

    async def _faults_before(self, request: web.Request, route: str, subject: str) -> None:
        candidates = self.faults.candidates(BEFORE, route, subject)
        if not candidates:
            return
        text = await self._text(request, candidates)
        for fault in self.faults.hits(candidates, text):
            await self._strike(request, route, fault)

    async def _strike(self, request: web.Request, route: str, fault: Fault) -> None:
        kind, params = fault.spec.kind, fault.spec.params
        if kind == "latency":
            await asyncio.sleep(fault.seconds(1.0))
        elif kind == "unserviced":
            request[UNSERVICED] = int(params.get("count", 1))
        elif kind == "commit_late":
            await self._commit_late(request, fault)
        elif kind == "reset_before":
            abort(request)
            raise ConnectionAborted
        else:
            raise answers.refusal(kind, route, params, self._clock.now())

    async def _commit_late(self, request: web.Request, fault: Fault) -> None:
        """Leave the client without an answer, and let the handler commit that much later all the same."""
        if fault.spec.params.get("answer") == "never":
            request[ABORT_AT_END] = True
        else:
            abort(request)
        await asyncio.sleep(fault.seconds(70.0))

    def _spoil(self, request: web.Request, route: str, response: web.Response, fault: Fault) -> web.Response:
        kind = fault.spec.kind
        if kind == "reset_after_commit":
            abort(request)
            raise ConnectionAborted
        if kind == "truncated_200":
            return answers.truncated(response)
        error = (
            answers.inserted_but_unreadable(route)
            if kind == "403_after_insert"
            else answers.server_error(route)
        )
        return web.Response(status=error.status, body=error.body, headers=error.headers)

    async def _hold(self, when: str, request: web.Request, route: str, subject: str) -> None:
        candidates = self.barriers.candidates(when, route, subject)
        if not candidates:
            return
        text = await self._text(request, candidates)
        for barrier in candidates:
            # Another request may have taken the last place while the body was being read.
            if barrier.fits(when, route, subject) and barrier.claims(text):
                await self._wait(barrier, request, route, subject)

    async def _wait(self, barrier: Barrier, request: web.Request, route: str, subject: str) -> None:
        about = {
            "route": route,
            "subject": subject,
            "method": request.method,
            "path": request.path_qs,
            "port": _port_of(request),
            "since": self._clock.now().isoformat(),
        }
        if await barrier.hold(about) == "drop":
            abort(request)
            raise ConnectionAborted

    @staticmethod
    async def _text(request: web.Request, wanted: list[Fault] | list[Barrier]) -> str:
        """What `match` looks at: path, query and body (of the item, or of all items of a batch)."""
        if all(w.spec.match is None and getattr(w.spec, "kind", "") != "skip_token_expired" for w in wanted):
            return ""
        body = request.get(ITEM_BODY)
        if body is None:
            body = _unpacked(await request.read())
        return f"{unquote_plus(request.path_qs)}\n{body.decode(errors='replace')}"


def _port_of(request: web.Request) -> int:
    """The client's port: it tells which process waits."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return int(peer[1]) if peer else 0


def _unpacked(body: bytes) -> bytes:
    """A batch with its items' bodies decoded behind it; any other body as it is."""
    if b'"rest_requests"' not in body:
        return body
    try:
        items = msgspec.json.decode(body)["rest_requests"]
        return b"\n".join([body, *(base64.b64decode(item.get("body") or "") for item in items)])
    except (msgspec.DecodeError, TypeError, ValueError, AttributeError):
        return body
