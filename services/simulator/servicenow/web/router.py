"""From a path to a handler, and around it: sign-in, limits, headers, error bodies."""

import re
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from services.simulator.servicenow.acl import User
from services.simulator.servicenow.errors import ApiError, too_large, unknown_path
from services.simulator.servicenow.site import Site
from services.simulator.servicenow.web import (
    attachment,
    batch,
    change_api,
    import_set,
    meta,
    stats,
    table,
    tiny,
    token,
)
from services.simulator.servicenow.web.call import Call, refusal
from services.simulator.servicenow.web.dispatch import parameters

MAX_CONTENT = 10_485_760
"""glide.rest.max_content_length (servicenow-api 5.4)."""

_NOW = re.compile(r"/api/now(?:/(?P<version>v[12]))?/(?P<api>\w+)(?:/(?P<rest>.*?))?/?\Z")
_CHANGE = re.compile(r"/api/sn_chg_rest(?:/v1)?/change(?:/(?P<rest>.*?))?/?\Z")
_STANDARD = {
    "X-Is-Logged-In": "true",
    "X-Content-Type-Options": "nosniff",
    "Pragma": "no-store,no-cache",
    "Cache-Control": "no-cache,no-store,must-revalidate,max-age=-1",
    "Expires": "0",
    "Server": "ServiceNow",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}


class Router:
    """The one handler of the application: everything but the token endpoint needs sign-in."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any request; faults of the gate pass through as they are."""
        if request.path == "/oauth_token.do":
            return await token.handle(self._site, request)
        began = self._site.clock.monotonic()
        try:
            response = await self._signed_in(request)
        except ApiError as error:
            response = refusal(error)
        self._dress(request, response, self._site.clock.monotonic() - began)
        return response

    async def _signed_in(self, request: web.Request) -> web.StreamResponse:
        site = self._site
        user = site.authenticate(request.headers.get("Authorization", ""))
        length = request.content_length or 0
        if length > MAX_CONTENT:
            raise too_large(length, MAX_CONTENT)
        body = await request.read() if request.can_read_body else b""
        call = self._call(request, user, body)
        if call.headers.get("Accept") and not _acceptable(call.headers["Accept"]):
            raise ApiError(406, "Not acceptable", "Accept header must allow application/json")
        headers = site.traffic.charge(user.name, self._weight(call))
        async with site.traffic.slot(request.cookies.get("JSESSIONID", "")):
            response = await self.dispatch(call)
        response.headers.update(headers)
        return response

    def _call(self, request: web.Request, user: User, body: bytes) -> Call:
        method = request.headers.get("X-HTTP-Method-Override", request.method).upper()
        host = str(self._site.modes["link_host"]) or request.host
        return Call(
            site=self._site,
            request=request,
            method="GET" if method == "HEAD" else method,
            path=request.rel_url.path,
            query=request.query_string,
            params=parameters(request.rel_url.raw_query_string),
            headers=request.headers,
            body=body,
            user=user,
            at=self._site.stamp(),
            origin=f"{request.scheme}://{host}",
        )

    def _weight(self, call: Call) -> int:
        """How many requests a rate rule counts (servicenow-api 2, last line: both are told)."""
        limited = self._site.traffic.limits.requests_per_hour is not None
        if limited and self._site.modes["batch_counts_items"] and call.path.rstrip("/").endswith("/batch"):
            return max(1, len(batch.read_batch(call.body)[1]))
        return 1

    async def dispatch(self, call: Call) -> web.StreamResponse:
        """Find the API and let it answer; raises ApiError 400 for an unknown path."""
        if found := _CHANGE.match(call.path):
            return await change_api.handle(call, (found["rest"] or "").split("/"))
        match = _NOW.match(call.path)
        handler = _APIS.get(match["api"]) if match else None
        if match is None or handler is None:
            raise unknown_path()
        call.version = match["version"] or ""
        call.params = self._untiny(call.params)
        return await handler(self, call, (match["rest"] or "").split("/"))

    async def table(self, call: Call, parts: list[str]) -> web.StreamResponse:
        if not parts[0] or len(parts) > 2:
            raise unknown_path()
        return await table.handle(call, parts[0], parts[1] if len(parts) == 2 else "")

    async def batch(self, call: Call, parts: list[str]) -> web.StreamResponse:
        if parts != [""]:
            raise unknown_path()
        return await batch.handle(call, self.dispatch)

    def _untiny(self, params: Mapping[str, str]) -> Mapping[str, str]:
        """`sysparm_tiny` stands for a stored query string."""
        key = params.get("sysparm_tiny")
        if key is None:
            return params
        return {**parameters(self._site.state.tiny.get(key, "")), **params}

    def _dress(self, request: web.Request, response: web.StreamResponse, seconds: float) -> None:
        """The headers of a real answer (servicenow-api 1.10); cookies only for a client that has none."""
        for name, value in _STANDARD.items():
            response.headers.setdefault(name, value)
        response.headers["Server-Timing"] = f"sem_wait;dur={seconds * 1000:.0f}, sesh_wait;dur=0"
        response.headers["X-Transaction-ID"] = self._site.state.engine.new_id()[:12]
        if "JSESSIONID" not in request.cookies and response.status < 400:
            session = self._site.state.engine.new_id().upper()
            response.set_cookie("JSESSIONID", session, httponly=True, secure=True, samesite="None")
            response.set_cookie("glide_user_route", f"glide.{session.lower()}", httponly=True, secure=True)


Handler = Callable[[Router, Call, list[str]], Awaitable[web.StreamResponse]]

_APIS: Mapping[str, Handler] = {
    "table": Router.table,
    "batch": Router.batch,
    "attachment": lambda _, call, parts: attachment.handle(call, parts),
    "stats": lambda _, call, parts: stats.handle(call, parts),
    "tinyurl": lambda _, call, _parts: tiny.handle(call),
    "import": lambda _, call, parts: import_set.handle(call, parts),
    "ui": lambda _, call, parts: meta.handle(call, parts),
}


def _acceptable(accept: str) -> bool:
    kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return not kinds.isdisjoint({"application/json", "*/*", "application/*", "text/json", ""})


def build_app(site: Site) -> web.Application:
    """The application of the servicenow listener."""
    app = web.Application(client_max_size=MAX_CONTENT + 1024)
    router = Router(site)
    app.router.add_route("*", "/{tail:.*}", router.handle)
    return app
