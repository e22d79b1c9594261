"""Around every handler: counts, and the end of requests whose connection was cut on purpose."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.simulator.connection import ConnectionAborted, abort
from services.simulator.gate import ABORT_AT_END, ROUTE, Gate
from services.simulator.routes import route_of


def witness(gate: Gate, face: str) -> Middleware:
    """The outermost middleware of one listener's application."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = route_of(face, request.method, request.path)
        request[ROUTE] = route
        gate.counts.arrived(route)
        try:
            response = await handler(request)
        except ConnectionAborted:
            return _cut(request, gate, route)
        except web.HTTPException as error:
            if request.get(ABORT_AT_END, False):
                return _cut(request, gate, route)
            gate.counts.answered(route, error.status)
            raise
        except Exception:
            gate.counts.answered(route, 500)
            raise
        if request.get(ABORT_AT_END, False):
            return _cut(request, gate, route)
        gate.counts.answered(route, response.status)
        return response

    return middleware


def _cut(request: web.Request, gate: Gate, route: str) -> web.Response:
    """End without an answer; the response is never sent, but aiohttp wants one from every handler."""
    gate.counts.answered(route, "aborted")
    abort(request)
    return web.Response(status=499)
