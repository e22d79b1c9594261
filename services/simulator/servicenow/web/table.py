"""The Table API (servicenow-api 1)."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from services.simulator.servicenow.dictionary.schema import REFERENCES, Table
from services.simulator.servicenow.errors import (
    ApiError,
    acl_exception,
    field_query_forbidden,
    no_record,
    query_forbidden,
)
from services.simulator.servicenow.query.conditions import Scope
from services.simulator.servicenow.query.parse import Condition, Query, Term, parse
from services.simulator.servicenow.query.run import Compiled, Page, compile_query, run
from services.simulator.servicenow.store import Row, TableStore
from services.simulator.servicenow.web.call import Call

DEFAULT_LIMIT = 10_000


async def handle(call: Call, name: str, sys_id: str) -> web.StreamResponse:
    """All methods of `/table/{name}[/{sys_id}]`."""
    table = call.table(name)
    match (call.method, bool(sys_id)):
        case ("GET", False):
            return await call.guarded("servicenow.table.list", name, lambda: _list(call, table), write=False)
        case ("GET", True):
            return await call.guarded(
                "servicenow.table.get", name, lambda: _get(call, table, sys_id), write=False
            )
        case ("POST", False):
            payload = call.payload()
            return await call.guarded(
                "servicenow.table.create", name, lambda: _create(call, table, payload), write=True
            )
        case ("PUT" | "PATCH", True):
            payload = call.payload()
            return await call.guarded(
                "servicenow.table.update", name, lambda: _update(call, table, sys_id, payload), write=True
            )
        case ("DELETE", True):
            return await call.guarded(
                "servicenow.table.delete", name, lambda: _delete(call, table, sys_id), write=True
            )
    raise ApiError(405, "Method not supported", f"{call.method} is not supported on this resource")


def search(call: Call, table: Table, *, limit: int, offset: int, count: bool) -> Page:
    """The rows that the call's query finds, before row ACLs; raises ApiError 403."""
    if not call.site.state.engine.acl.may_read(call.user, table.name):
        raise query_forbidden()
    query = _query(call, table)
    hidden = call.site.state.engine.acl.hidden_fields(call.user, table)
    if hidden and not hidden.isdisjoint(_fields(query)):
        raise field_query_forbidden()
    scope = call.scope(table)
    compiled = compile_query(scope, query)
    if compiled.ignored and call.site.modes["invalid_query_returns_no_rows"]:
        compiled = Compiled(lambda _: False, 0)
    return run(scope, query, compiled, offset=offset, limit=limit, count=count)


def visible(call: Call, table: Table, rows: list[Row]) -> list[Row]:
    """Row ACLs, after the limit (servicenow-api 0 #2): a page may come out short or empty."""
    text = call.site.modes["hidden_rows"].get(table.name)
    if not text or call.user.admin:
        return rows
    concealed = compile_query(call.scope(table), parse(text)).matches
    return [row for row in rows if not concealed(row)]


def _query(call: Call, table: Table) -> Query:
    if text := call.params.get("sysparm_query", ""):
        return parse(text, doubled=bool(call.site.modes["caret_doubling"]))
    return Query(branches=[list(_pairs(call, call.scope(table)))])


def _pairs(call: Call, scope: Scope) -> Iterator[list[Term]]:
    """Bare `field=value` parameters: they match display values, too (servicenow-api 1.2)."""
    for name, value in call.params.items():
        if name.startswith("sysparm_"):
            continue
        group: list[Term] = [Condition(name, "=", value)]
        column = scope.table.columns.get(name)
        if column is not None and column.kind in REFERENCES and column.reference in scope.database.schema:
            group.append(Condition(f"{name}.{scope.database.schema[column.reference].display}", "=", value))
        elif column is not None:
            labels = call.site.coercion().choices(column).items()
            group += [Condition(name, "=", v) for v, label in labels if label.lower() == value.lower()]
        yield group


def _fields(query: Query) -> Iterator[str]:
    for branch in query.branches:
        for group in branch:
            yield from (term.field for term in group if isinstance(term, Condition))


def _list(call: Call, table: Table) -> web.Response:
    limit = call.number("sysparm_limit", DEFAULT_LIMIT)
    offset = call.number("sysparm_offset", 0)
    page = search(call, table, limit=limit, offset=offset, count=not call.flag("sysparm_no_count"))
    rows = visible(call, table, page.rows)
    if call.version == "v1" and not rows:
        raise no_record()
    headers: dict[str, str] = {}
    if page.total is not None:
        headers["X-Total-Count"] = str(page.total)
        if not call.flag("sysparm_suppress_pagination_header"):
            headers |= _links(call, page.total, limit, offset)
    view = call.view(table)
    return call.answer(200, [view.record(row, table) for row in rows], headers)


def _links(call: Call, total: int, limit: int, offset: int) -> dict[str, str]:
    """first, prev (not on the first page), next (not on the last), last; none for a single page."""
    if limit <= 0 or total <= limit:
        return {}
    places = {"first": 0}
    if offset > 0:
        places["prev"] = max(0, offset - limit)
    if offset + limit < total:
        places["next"] = offset + limit
    places["last"] = (total - 1) // limit * limit
    others = {k: v for k, v in call.params.items() if k not in {"sysparm_limit", "sysparm_offset"}}
    parts = []
    for rel, place in places.items():
        query = urlencode({**others, "sysparm_limit": limit, "sysparm_offset": place})
        parts.append(f'<{call.origin}{call.path}?{query}>;rel="{rel}"')
    return {"Link": ",".join(parts)}


def _located(call: Call, table: Table, sys_id: str) -> TableStore:
    """The store of a record that the user can see; raises ApiError 403 or 404."""
    if not call.site.state.engine.acl.may_read(call.user, table.name):
        raise query_forbidden()
    store = call.site.state.database.locate(table.name, sys_id)
    if store is None or not visible(call, table, [store.rows[sys_id]]):
        raise no_record()
    return store


def _get(call: Call, table: Table, sys_id: str) -> web.Response:
    store = _located(call, table, sys_id)
    return call.answer(200, call.view(table).record(store.rows[sys_id], table))


def _create(call: Call, table: Table, payload: Mapping[str, Any]) -> web.Response:
    act = call.site.act(call.user, call.at, display_input=call.flag("sysparm_input_display_value"))
    row = call.site.state.engine.insert(table, payload, act)
    if call.site.modes["read_back_blocked"] and not call.user.admin:
        raise acl_exception("Insert")
    headers = {"Location": f"{call.base}/table/{table.name}/{row['sys_id']}"}
    return _written(call, 201, table, row, headers)


def _update(call: Call, table: Table, sys_id: str, payload: Mapping[str, Any]) -> web.Response:
    store = _located(call, table, sys_id)
    act = call.site.act(call.user, call.at, display_input=call.flag("sysparm_input_display_value"))
    row = call.site.state.engine.update(store, sys_id, payload, act)
    return _written(call, 200, table, row, {})


def _written(call: Call, status: int, table: Table, row: Row, headers: dict[str, str]) -> web.Response:
    if call.headers.get("X-no-response-body", "").lower() == "true":
        return web.Response(status=status, headers=headers)
    return call.answer(status, call.view(table).record(row, table), headers)


def _delete(call: Call, table: Table, sys_id: str) -> web.Response:
    store = _located(call, table, sys_id)
    call.site.state.engine.delete(store, sys_id, call.site.act(call.user, call.at))
    return web.Response(status=204)
