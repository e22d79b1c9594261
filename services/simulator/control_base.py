"""How the control API reads bodies, answers and refuses."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

T = TypeVar("T")
Route = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(body: Any, status: int = 200) -> web.Response:
    """JSON out."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")


def lines(rows: Iterable[Mapping[str, Any]]) -> web.Response:
    """One JSON object a line, taken in one go: the world can't change between two rows."""
    encoder = msgspec.json.Encoder()
    buffer = bytearray()
    for row in rows:
        buffer += encoder.encode(row)
        buffer += b"\n"
    return web.Response(body=bytes(buffer), content_type="application/x-ndjson")


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request, {} without a body; raises ValueError otherwise."""
    raw = await request.read()
    value = msgspec.json.decode(raw) if raw else {}
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - answered as 400 like any bad value
    return value


async def spec_of(request: web.Request, kind: type[T]) -> T:
    """A checked request body; raises msgspec.ValidationError with the field's path."""
    return msgspec.json.decode(await request.read(), type=kind)


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What the caller did wrong as a 400 or 404 with one sentence."""
    try:
        return await handler(request)
    except (ValueError, TypeError) as error:  # msgspec's errors are ValueErrors
        return answer({"error": str(error)}, 400)
    except KeyError as error:
        return answer({"error": f"unknown: {error.args[0] if error.args else '?'}"}, 404)
    except web.HTTPException as error:
        return answer(
            {"error": f"{error.status} {error.reason}: {request.method} {request.path}"}, error.status
        )
