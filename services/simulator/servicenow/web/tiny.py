"""`POST /api/now/tinyurl`: long queries by a short key (servicenow-api 1.5)."""

import hashlib

from aiohttp import web

from services.simulator.servicenow.errors import ApiError, unreadable
from services.simulator.servicenow.web.call import Call


async def handle(call: Call) -> web.Response:
    """Store the query string of the `url` given; answers `{table}_list.do?sysparm_tiny={key}`."""
    if call.method != "POST":
        raise ApiError(405, "Method not supported", f"{call.method} is not supported on this resource")
    url = call.payload().get("url")
    if not isinstance(url, str) or "?" not in url:
        raise unreadable("The url is missing or has no query.")
    page, _, query = url.partition("?")
    key = hashlib.md5(query.encode(), usedforsecurity=False).hexdigest()
    call.site.state.tiny[key] = query
    return call.answer(200, f"{page.rpartition('/')[2]}?sysparm_tiny={key}")
