"""Azure Resource Graph: `POST /providers/Microsoft.ResourceGraph/resources`."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from services.simulator.azure import graph_request as requests
from services.simulator.azure import tables
from services.simulator.azure.errors import Refusal, arm, graph
from services.simulator.azure.kql import engine, hints, nodes, parser
from services.simulator.azure.kql.compiler import Column
from services.simulator.azure.kql.errors import INVALID_QUERY, KqlError, unknown_table
from services.simulator.azure.limits import Take, hms
from services.simulator.azure.padding import padded
from services.simulator.azure.replies import arm_headers, refuse, version_required
from services.simulator.azure.rows import View
from services.simulator.azure.state import State

ROUTE = "arg.query"
VERSIONS = ("2021-03-01", "2022-10-01", "2024-04-01")
_CACHED = 64
Key = TypeVar("Key")
Value = TypeVar("Value")
Table = tables.SecurityResources | tables.SecurityExtras | tables.ResourceContainers | tables.Resources


class ResourceGraph:
    """Results of a query are kept while the world stands still, so that later pages cost little."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._results: OrderedDict[tuple[object, ...], engine.Result] = OrderedDict()
        self._parsed: OrderedDict[str, nodes.Query] = OrderedDict()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        state = self._state
        now = state.clock.now()
        try:
            principal = state.mint.verify(request.headers.get("Authorization"))
            take = state.quota.take(principal.client_id, state.limits)
            if not take.allowed:
                return refuse(self._throttled(now, take))
            self._check_request(request)
            body = requests.parse(await request.read(), now)
            page = requests.check(body, state.limits, now)
            query = self._parse(body.query, now)
            await state.gate.before(request, ROUTE, query.table.lower())
            scope = requests.scope(body, state)
            payload = self._answer(query, page, scope, now)
        except Refusal as refusal:
            return refuse(refusal)
        headers = arm_headers() | _quota_headers(take)
        if scope.limit_hit:
            headers["x-ms-tenant-subscription-limit-hit"] = "true"
        response = web.Response(
            body=payload, headers=headers, content_type="application/json", charset="utf-8"
        )
        return await state.gate.after(request, ROUTE, response, query.table.lower())

    def _check_request(self, request: web.Request) -> None:
        if request.content_type != "application/json":
            # troubleshoot/general: a wrong Content-Type is answered with 500.
            raise arm(
                500,
                "InternalServerError",
                "The server encountered an internal error. Please retry the request.",
            )
        version = request.query.get("api-version")
        if version is None:
            raise version_required()
        if version not in VERSIONS:
            raise arm(
                400,
                "InvalidResourceType",
                "The resource type 'resources' could not be found in the namespace "
                "'Microsoft.ResourceGraph' for api "
                f"version '{version}'. The supported api-versions are '{','.join(VERSIONS)}'.",
            )

    def _throttled(self, now: datetime, take: Take) -> Refusal:
        """Real body: Azure/azure-cli-extensions#3325.

        Whether Retry-After is sent is UNVERIFIED, hence a limit option.
        """
        detail = {
            "code": "RateLimiting",
            "message": "Client application has been throttled and should not attempt to repeat "
            "the request until an amount "
            "of time has elapsed. Please see https://aka.ms/resourcegraph-throttling for help.",
        }
        refusal = graph(429, "RateLimiting", now, [detail])
        refusal.headers.update(_quota_headers(take))
        if self._state.limits.graph_retry_after:
            refusal.headers["Retry-After"] = str(int(take.resets) + 1)
        return refusal

    def _parse(self, text: str, now: datetime) -> nodes.Query:
        known = self._parsed.get(text)
        if known is not None:
            return known
        try:
            query = parser.parse(text)
        except KqlError as error:
            raise graph(400, "BadRequest", now, [INVALID_QUERY, error.detail]) from None
        if len(text) < 4096:
            _keep(self._parsed, text, query)
        return query

    def _answer(self, query: nodes.Query, page: requests.Page, scope: requests.Scope, now: datetime) -> bytes:
        modes = self._state.modes
        salt = page.token.salt if page.token else modes.next_salt()
        view = View(self._state.world.tenant_id, modes.churn(salt))
        try:
            table = self._table(query, scope, view)
            result = self._run(query, page, scope, table, now)
        except KqlError as error:
            raise graph(400, "BadRequest", now, [INVALID_QUERY, error.detail]) from None
        rows, start = self._slice(query, page, result)
        data = self._data(query, page, result, table, rows, now)
        if len(data) > self._state.limits.payload_bytes:
            raise graph(400, "BadRequest", now, [_too_large(len(data), self._state.limits.payload_bytes)])
        total, end = len(result.rows), start + len(rows)
        answer: dict[str, Any] = {
            "totalRecords": total,
            "count": len(rows),
            "data": msgspec.Raw(data),
            "facets": [],
        }
        pageable = result.has_id and not result.aggregated
        truncated = (not pageable and end < total) or (
            modes.on("results_truncated") and not result.aggregated
        )
        answer["resultTruncated"] = "true" if truncated else "false"
        if pageable and end < total and not truncated:
            number = page.token.page + 1 if page.token else 1
            token = requests.SkipToken(end, page.digest, salt, page.top, number)
            answer["$skipToken"] = requests.encode_token(token)
        return msgspec.json.encode(answer)

    def _table(self, query: nodes.Query, scope: requests.Scope, view: View) -> Table:
        world = self._state.world
        match query.table.lower():
            case "securityresources" if hints.extract(query.stages)[0].type in tables.SecurityExtras.TYPES:
                return tables.SecurityExtras(world, scope.rows, view)
            case "securityresources":
                return tables.SecurityResources(world, scope.rows, view)
            case "resourcecontainers":
                return tables.ResourceContainers(scope.containers, scope.groups, view)
            case "resources":
                return tables.Resources(world, scope.rows, view)
        raise unknown_table(query.table)

    def _run(
        self, query: nodes.Query, page: requests.Page, scope: requests.Scope, table: Table, now: datetime
    ) -> engine.Result:
        readable = hash(tuple(item.id for item in scope.containers + scope.rows))
        key = (page.digest, self._state.world.version, readable)
        timeless = "ago(" not in page.query and "now(" not in page.query
        known = self._results.get(key) if timeless else None
        if known is not None:
            self._results.move_to_end(key)
            table.slow = table.slow or known.slow
            return known
        result = engine.run(query, table, now, self._state.rng)
        result.slow = table.slow
        if timeless and (result.ordered or result.has_id or result.aggregated):
            _keep(self._results, key, result)
        return result

    def _slice(
        self, query: nodes.Query, page: requests.Page, result: engine.Result
    ) -> tuple[Sequence[Any], int]:
        """The page's rows and where it starts; malice moves the start of the second page by one row."""
        limited = any(isinstance(stage, nodes.Limit) for stage in query.stages)
        start = page.token.offset if page.token else 0
        if page.skip and not limited:
            start = page.skip
        if page.token and page.token.page == 1 and not page.skip:
            modes = self._state.modes
            start += modes.number("row_missing") - modes.number("row_twice")
        rows = result.rows[start : start + page.top]
        if self._state.modes.on("results_truncated") and not result.aggregated and len(rows) > 1:
            rows = rows[:-1]
        return rows, start

    def _data(
        self,
        query: nodes.Query,
        page: requests.Page,
        result: engine.Result,
        table: Table,
        rows: Sequence[Any],
        now: datetime,
    ) -> bytes:
        schema: dict[str, Column] = result.schema
        if not result.aggregated and table.slow:
            rows = [table.document(row) for row in rows]
            whole = not any(isinstance(stage, nodes.Project | nodes.Extend) for stage in query.stages)
            if whole and not page.table_format:
                return msgspec.json.encode(rows)
            schema = dict(engine.output_schema(query, table.columns, tables.of_document, now))
        getters = [(name, column.get) for name, column in schema.items()]
        if not page.table_format:
            shown = [{name: get(row) for name, get in getters} for row in rows]
            if padding := self._state.modes.padding():
                shown = [padded(row, padding) for row in shown]
            return msgspec.json.encode(shown)
        cells = [[get(row) for _, get in getters] for row in rows]
        columns = [
            {"name": name, "type": _column_type(column, [row[index] for row in cells])}
            for index, (name, column) in enumerate(schema.items())
        ]
        return msgspec.json.encode({"columns": columns, "rows": cells})


_TYPES = {"string": "string", "long": "integer", "real": "number", "bool": "boolean", "datetime": "datetime"}


def _column_type(column: Column, values: Sequence[Any]) -> str:
    if column.kind != "dynamic":
        return _TYPES.get(column.kind, "string")
    first = next((value for value in values if value is not None), None)
    if isinstance(first, bool):
        return "boolean"
    if isinstance(first, int):
        return "integer"
    return "string" if isinstance(first, str) else "object"


def _keep(cache: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    cache[key] = value
    while len(cache) > _CACHED:
        cache.popitem(last=False)


def _quota_headers(take: Take) -> dict[str, str]:
    return {
        "x-ms-user-quota-remaining": str(take.remaining),
        "x-ms-user-quota-resets-after": hms(take.resets),
        "x-ms-resource-graph-request-duration": "0:00:00:00.0100000",
    }


def _too_large(size: int, limit: int) -> dict[str, str]:
    return {
        "code": "ResponsePayloadTooLarge",
        "message": f"Response payload size is {size}, and has exceeded the limit of {limit}. "
        "Please consider querying less "
        "data at a time and make paginated call if needed.",
    }
