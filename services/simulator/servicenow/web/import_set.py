"""The Import Set API (servicenow-api 3): 201 even when the transform failed; look at each result's status."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from services.simulator.servicenow.coerce import as_text
from services.simulator.servicenow.errors import (
    ApiError,
    acl_exception,
    invalid_table,
    no_record,
    unknown_path,
)
from services.simulator.servicenow.web.call import Call, reply

STAGING = "u_isthmus_import"
TARGET = "incident"
COALESCE = "correlation_id"
_MAP = "Isthmus incidents"


async def handle(call: Call, parts: list[str]) -> web.StreamResponse:
    """POST to `/import/{staging}` inserts and transforms at once; GET of a row's sys_id reads it again."""
    if parts[0] != STAGING:
        raise invalid_table(parts[0])
    match (call.method, parts):
        case ("POST", [_]):
            payload = call.payload()
            return await call.guarded("servicenow.other", STAGING, lambda: _import(call, payload), write=True)
        case ("POST", [_, "insertMultiple"]):
            payload = call.payload()
            return await call.guarded(
                "servicenow.other", STAGING, lambda: _multiple(call, payload), write=True
            )
        case ("GET", [_, sys_id]):
            return await call.guarded(
                "servicenow.other", STAGING, lambda: _outcome(call, sys_id), write=False
            )
    raise unknown_path()


def _import(call: Call, payload: Mapping[str, Any]) -> web.Response:
    call.site.state.import_sets += 1
    name = f"ISET{call.site.state.import_sets:07d}"
    result = _transform(call, payload, name)
    return reply(201, {"import_set": name, "staging_table": STAGING, "result": [result]})


def _multiple(call: Call, payload: Mapping[str, Any]) -> web.Response:
    """Asynchronous on the real thing: only ids come back, never what became of a row."""
    call.site.state.import_sets += 1
    name = f"ISET{call.site.state.import_sets:07d}"
    for record in payload.get("records") or []:
        _transform(call, record, name)
    ids = {
        "import_set_id": call.site.state.engine.new_id(),
        "multi_import_set_id": call.site.state.engine.new_id(),
    }
    return reply(201, ids)


def _transform(call: Call, payload: Mapping[str, Any], import_set: str) -> dict[str, str]:
    engine, database = call.site.state.engine, call.site.state.database
    if not engine.acl.may_write(call.user, STAGING):
        raise acl_exception("Insert")
    act = call.site.act(call.user, call.at)
    values = {name: as_text(value) for name, value in payload.items()}
    staged = {"sys_id": engine.new_id(), "sys_import_set": import_set, "sys_created_on": call.at}
    staged |= {"sys_updated_on": call.at, "sys_target_table": TARGET}
    outcome = {"transform_map": _MAP, "table": TARGET, "display_name": "number"}
    store = database.stores[TARGET]
    key = values.get(COALESCE, "")
    known = store.matching(COALESCE, key) if key else []
    table = call.table(TARGET)
    try:
        _may_transform(call)
        row = engine.update(store, known[0], values, act) if known else engine.insert(table, values, act)
    except ApiError as error:
        outcome |= {"status": "error", "error_message": error.detail or error.message}
        database.stores[STAGING].add({**staged, "sys_import_state": "error"})
        return outcome
    status = "updated" if known else "inserted"
    link = f"{call.base}/table/{TARGET}/{row['sys_id']}"
    outcome |= {
        "display_value": row["number"],
        "record_link": link,
        "status": status,
        "sys_id": row["sys_id"],
    }
    database.stores[STAGING].add({**staged, "sys_import_state": status, "sys_target_sys_id": row["sys_id"]})
    return outcome


def _may_transform(call: Call) -> None:
    if call.site.modes["import_transform_error"]:
        raise ApiError(403, "Operation Failed", "Target record not found")


def _outcome(call: Call, sys_id: str) -> web.Response:
    row = call.site.state.database.find(STAGING, sys_id)
    if row is None:
        raise no_record()
    target = row.get("sys_target_sys_id", "")
    result = {
        "transform_map": _MAP,
        "table": TARGET,
        "display_name": "number",
        "display_value": call.site.state.database.display(TARGET, target),
        "record_link": f"{call.base}/table/{TARGET}/{target}",
        "status": row.get("sys_import_state", ""),
        "sys_id": target,
    }
    return reply(200, {"import_set": row["sys_import_set"], "staging_table": STAGING, "result": [result]})
