"""One API call, whether it came alone or as an item of a batch, and the shape of answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from services.simulator.servicenow.acl import User
from services.simulator.servicenow.dictionary.schema import Table
from services.simulator.servicenow.errors import ApiError, invalid_table, unreadable
from services.simulator.servicenow.query.conditions import Scope
from services.simulator.servicenow.query.dates import Moment
from services.simulator.servicenow.render import View
from services.simulator.servicenow.site import Site

JSON = "application/json;charset=UTF-8"
_DISPLAY = {"true": "true", "all": "all"}


@dataclass(slots=True)
class Call:
    """`base` is scheme, host and `/api/now` with the request's version; `at` the time it began.

    `cost` gathers the simulated seconds that the call took.
    """

    site: Site
    request: web.Request
    method: str
    path: str
    query: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    user: User
    at: str
    origin: str
    version: str = ""
    cost: float = 0.0

    @property
    def base(self) -> str:
        return f"{self.origin}/api/now/{self.version}" if self.version else f"{self.origin}/api/now"

    def flag(self, name: str) -> bool:
        """A boolean sysparm; clients send True and False capitalised, too (servicenow-api 1.2)."""
        return self.params.get(name, "").lower() == "true"

    def number(self, name: str, default: int) -> int:
        """A non-negative integer parameter; what can't be read is the default."""
        text = self.params.get(name, "")
        if text.startswith("-") and text[1:].isdigit():
            raise ApiError(400, f"Invalid {name} value", f"{name} must not be negative")
        return int(text) if text.isdigit() else default

    def table(self, name: str) -> Table:
        """Raises ApiError 400 for an unknown table."""
        table = self.site.schema.get(name)
        if table is None:
            raise invalid_table(name)
        return table

    def scope(self, table: Table) -> Scope:
        """What a query on a table is read against, in the user's time zone."""
        moment = Moment(self.site.clock.now(), self.site.zone(), self.user.sys_id, self.user.name)
        fold = not self.site.modes["case_sensitive_queries"]
        return Scope(self.site.state.database, table, moment, fold)

    def view(self, table: Table) -> View:
        """How this call wants to see records of a table."""
        fields = tuple(
            name.strip() for name in self.params.get("sysparm_fields", "").split(",") if name.strip()
        )
        return View(
            scope=self.scope(table),
            coercion=self.site.coercion(),
            base=self.base,
            display=_DISPLAY.get(self.params.get("sysparm_display_value", "").lower(), "false"),
            links=not self.flag("sysparm_exclude_reference_link"),
            fields=fields,
            hidden=self.site.state.engine.acl.hidden_fields(self.user, table),
            journals_shown=bool(self.site.modes["journal_in_display"]),
        )

    def payload(self) -> Mapping[str, Any]:
        """The JSON object of a write; of an array, the first (servicenow-api 1.1); or ApiError 400, 415."""
        kind = self.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()
        if kind not in {"application/json", "text/json", ""}:
            raise ApiError(415, "Unsupported Media Type", f"Content-Type {kind} is not supported")
        try:
            data = msgspec.json.decode(self.body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise unreadable("The payload is not valid JSON.") from error
        if isinstance(data, list):
            data = data[0] if data else {}
        if not isinstance(data, dict):
            raise unreadable("The payload is not valid JSON.")
        return data

    def answer(self, status: int, result: Any, headers: Mapping[str, str] | None = None) -> web.Response:
        """`{"result": …}`."""
        return reply(status, {"result": result}, headers)

    async def guarded(
        self, route: str, subject: str, commit: Callable[[], web.Response], *, write: bool
    ) -> web.StreamResponse:
        """Service time, gate, commit, gate: the one path of every handler that reads or writes records."""
        self.cost += await self.site.traffic.work(write=write)
        await self.site.gate.before(self.request, route, subject)
        try:
            response = commit()
        except ApiError as error:
            response = refusal(error)
        return await self.site.gate.after(self.request, route, response, subject)


def reply(status: int, payload: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    response = web.Response(body=msgspec.json.encode(payload), status=status, headers=headers)
    response.headers["Content-Type"] = JSON
    return response


def refusal(error: ApiError) -> web.Response:
    response = web.Response(body=error.body(), status=error.status, headers=error.headers)
    response.headers["Content-Type"] = JSON
    return response
