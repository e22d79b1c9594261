"""`GET /api/now/ui/meta/{table}`: columns and choices; undocumented, closed to narrow users by default."""

from typing import Any

from aiohttp import web

from services.simulator.servicenow.errors import query_forbidden, unknown_path
from services.simulator.servicenow.web.call import Call


async def handle(call: Call, parts: list[str]) -> web.Response:
    """Path `meta/{table}`; mode ui_meta_readable opens it to the integration user."""
    if len(parts) != 2 or parts[0] != "meta":
        raise unknown_path()
    table = call.table(parts[1])
    if not (call.user.admin or call.site.modes["ui_meta_readable"]):
        raise query_forbidden()
    coercion = call.site.coercion()
    columns: dict[str, Any] = {}
    for column in table.columns.values():
        entry: dict[str, Any] = {
            "name": column.name,
            "label": column.label,
            "type": column.kind,
            "internal_type": column.kind,
            "max_length": column.length,
            "read_only": column.read_only,
            "mandatory": False,
            "default_value": column.default,
        }
        if column.reference:
            entry["reference"] = column.reference
        if column.choice_list:
            entry["choices"] = [{"value": v, "label": label} for v, label in coercion.choices(column).items()]
        columns[column.name] = entry
    return call.answer(200, {"columns": columns})
