"""The Aggregate API `/stats/{table}`: count, sum, avg, min, max, grouped; strings only."""

from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from services.simulator.servicenow.dictionary.schema import Table
from services.simulator.servicenow.query.conditions import resolve
from services.simulator.servicenow.store import Row
from services.simulator.servicenow.times import parse
from services.simulator.servicenow.web.call import Call
from services.simulator.servicenow.web.table import search

_EVERYTHING = 10_000_000
_KINDS = ("avg", "min", "max", "sum")


async def handle(call: Call, parts: list[str]) -> web.StreamResponse:
    """`/stats/{table}`."""
    table = call.table(parts[0])
    return await call.guarded("servicenow.stats", table.name, lambda: _stats(call, table), write=False)


def _stats(call: Call, table: Table) -> web.Response:
    rows = search(call, table, limit=_EVERYTHING, offset=0, count=False).rows
    names = [name for name in _list(call, "sysparm_group_by") if resolve(call.scope(table), name)]
    if not names:
        return call.answer(200, {"stats": _numbers(call, table, rows)})
    readers = [found[0] for name in names if (found := resolve(call.scope(table), name))]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(read(row) for read in readers), []).append(row)
    return call.answer(200, [_group(call, table, names, key, group) for key, group in groups.items()])


def _group(
    call: Call, table: Table, names: list[str], key: tuple[str, ...], rows: list[Row]
) -> dict[str, Any]:
    fields = [_field(call, table, name, value) for name, value in zip(names, key, strict=True)]
    return {"stats": _numbers(call, table, rows), "groupby_fields": fields}


def _field(call: Call, table: Table, name: str, value: str) -> dict[str, Any]:
    view = call.view(table)
    column = table.columns.get(name)
    if view.display == "false" or column is None:
        return {"value": value, "field": name}
    shown = view.shown(value, column, {})
    if column.reference:
        shown = view.scope.database.display(column.reference, value)
    if view.display == "true":
        return {"value": shown or "", "field": name}
    return {"value": value, "display_value": shown or "", "field": name}


def _list(call: Call, name: str) -> list[str]:
    return [part.strip() for part in call.params.get(name, "").split(",") if part.strip()]


def _numbers(call: Call, table: Table, rows: list[Row]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if call.flag("sysparm_count"):
        answer["count"] = str(len(rows))
    for kind in _KINDS:
        names = [name for name in _list(call, f"sysparm_{kind}_fields") if name in table.columns]
        if names:
            answer[kind] = {name: _aggregate(kind, [row.get(name, "") for row in rows]) for name in names}
    return answer


_FOLD: dict[str, Callable[[Sequence[float]], float]] = {
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "sum": sum,
}


def _aggregate(kind: str, texts: list[str]) -> str:
    """Averages with four decimals as in aggregate-stats.json; dates only have a smallest and a largest."""
    present = [text for text in texts if text]
    if not present:
        return ""
    if parse(present[0]):
        return {"min": min(present), "max": max(present)}.get(kind, "")
    values = [float(text) for text in present if text.lstrip("-").replace(".", "", 1).isdigit()]
    if not values:
        return {"min": min(present), "max": max(present)}.get(kind, "")
    number = _FOLD[kind](values)
    return f"{number:.4f}" if kind == "avg" else f"{number:g}" if number % 1 else str(int(number))
