"""The Change API `/api/sn_chg_rest/change`: typed values, ignored fields, next states.

Source: servicenow-api 6.3.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from services.simulator.servicenow.dictionary.schema import DATES, NUMBERS, Table
from services.simulator.servicenow.errors import no_record, query_forbidden, unknown_path
from services.simulator.servicenow.render import View
from services.simulator.servicenow.rules import change
from services.simulator.servicenow.store import Row
from services.simulator.servicenow.times import to_local
from services.simulator.servicenow.web.call import Call
from services.simulator.servicenow.web.table import search

TABLE = "change_request"
_TYPES = ("normal", "emergency", "standard")


async def handle(call: Call, parts: list[str]) -> web.StreamResponse:
    """`/change[/normal|/emergency|/standard/{template}][/{sys_id}[/nextstates]]`."""
    table = call.table(TABLE)
    kind = parts.pop(0) if parts[0] in _TYPES else ""
    parts = parts or [""]
    match (call.method, parts):
        case ("GET", [""]):
            return await call.guarded("servicenow.other", TABLE, lambda: _list(call, table), write=False)
        case ("POST", ["" | _]):
            payload = call.payload()
            return await call.guarded(
                "servicenow.other", TABLE, lambda: _create(call, table, payload, kind), write=True
            )
        case ("GET", [sys_id]):
            return await call.guarded(
                "servicenow.other", TABLE, lambda: _get(call, table, sys_id), write=False
            )
        case ("GET", [sys_id, "nextstates"]):
            return await call.guarded("servicenow.other", TABLE, lambda: _next(call, sys_id), write=False)
        case ("PATCH", [sys_id]):
            payload = call.payload()
            return await call.guarded(
                "servicenow.other", TABLE, lambda: _update(call, table, sys_id, payload), write=True
            )
        case ("DELETE", [sys_id]):
            return await call.guarded("servicenow.other", TABLE, lambda: _delete(call, sys_id), write=True)
    raise unknown_path()


def _record(call: Call, table: Table, row: Row, ignored: list[str] | None = None) -> dict[str, Any]:
    """Every field as value and display_value; numbers and booleans are typed."""
    view = call.view(table)
    answer = {name: _value(view, table, name, row) for name in table.columns if name not in view.hidden}
    if ignored is not None:
        answer["__meta"] = {"ignoredFields": ignored}
    return answer


def _value(view: View, table: Table, name: str, row: Row) -> dict[str, Any]:
    column, text = table.columns[name], row.get(name, "")
    shown = view.scope.database.display(column.reference, text) if column.reference else ""
    display = shown or view.shown(text, column, row) or ""
    if column.kind in DATES:
        local = to_local(text, view.tz) if text else ""
        return {"display_value": local, "value": text, "display_value_internal": local}
    if column.kind == "boolean":
        return {"display_value": text or "false", "value": text == "true"}
    if column.kind in NUMBERS and text:
        return {"display_value": display, "value": float(text)}
    return {"display_value": display, "value": text}


def _row(call: Call, sys_id: str) -> Row:
    row = call.site.state.database.find(TABLE, sys_id)
    if row is None:
        raise no_record()
    return row


def _list(call: Call, table: Table) -> web.Response:
    limit, offset = call.number("sysparm_limit", 500), call.number("sysparm_offset", 0)
    page = search(call, table, limit=limit, offset=offset, count=True)
    rows = [_record(call, table, row) for row in page.rows]
    return call.answer(200, rows, {"X-Total-Count": str(page.total)})


def _get(call: Call, table: Table, sys_id: str) -> web.Response:
    if not call.site.state.engine.acl.may_read(call.user, TABLE):
        raise query_forbidden()
    return call.answer(200, _record(call, table, _row(call, sys_id)))


def _ignored(call: Call, table: Table, payload: Mapping[str, Any]) -> list[str]:
    blocked = call.site.state.engine.acl.protected_fields(call.user, table)
    return [n for n in payload if n not in table.columns or n in blocked or table.columns[n].read_only]


def _create(call: Call, table: Table, payload: Mapping[str, Any], kind: str) -> web.Response:
    values = {"type": kind, **payload} if kind else dict(payload)
    row = call.site.state.engine.insert(table, values, call.site.act(call.user, call.at))
    return call.answer(200, _record(call, table, row, _ignored(call, table, payload)))


def _update(call: Call, table: Table, sys_id: str, payload: Mapping[str, Any]) -> web.Response:
    """PATCH takes a state's label, too ("assess")."""
    _row(call, sys_id)
    labels = {label.lower(): value for value, label in table.columns["state"].choices.items()}
    values = dict(payload)
    if "state" in values:
        values["state"] = labels.get(str(values["state"]).lower(), values["state"])
    store = call.site.state.database.stores[TABLE]
    row = call.site.state.engine.update(store, sys_id, values, call.site.act(call.user, call.at))
    return call.answer(200, _record(call, table, row, _ignored(call, table, payload)))


def _delete(call: Call, sys_id: str) -> web.Response:
    _row(call, sys_id)
    store = call.site.state.database.stores[TABLE]
    call.site.state.engine.delete(store, sys_id, call.site.act(call.user, call.at))
    return web.Response(status=204)


def _next(call: Call, sys_id: str) -> web.Response:
    row = _row(call, sys_id)
    state = row.get("state", "")
    labels = call.table(TABLE).columns["state"].choices
    following = change.following(row.get("type", ""), state)
    transitions = [[_transition(row, state, to, labels)] for to in following]
    result = {
        "available_states": [*[to for to in following if change.may_move(row, state, to)], state],
        "state_transitions": transitions,
        "state_label": {value: labels.get(value, value) for value in [*following, state]},
    }
    return call.answer(200, result)


def _transition(row: Row, state: str, to: str, labels: Mapping[str, str]) -> dict[str, Any]:
    conditions = []
    if to != change.CANCELED:
        held = {"name": "Not On hold", "description": None, "sys_id": "2132deb6c303101035ae3f52c1d3ae8c"}
        conditions.append({"passed": row.get("on_hold") != "true", "condition": held})
    return {
        "sys_id": "db401481c343101035ae3f52c1d3aedd",
        "display_value": f"{labels.get(state, state)} to {labels.get(to, to)}",
        "from_state": state,
        "to_state": to,
        "transition_available": change.may_move(row, state, to),
        "automatic_transition": False,
        "conditions": conditions,
    }
