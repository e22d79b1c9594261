"""How a call finds its handler; shared by the listener and the Batch API."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from services.simulator.servicenow.web.call import Call

Dispatch = Callable[[Call], Awaitable[web.StreamResponse]]


def parameters(query: str) -> Mapping[str, str]:
    """The query string's parameters; of a repeated one, the last."""
    return dict(parse_qsl(query, keep_blank_values=True))
