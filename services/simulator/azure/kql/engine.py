"""Run a parsed query over the rows of a table."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any, Protocol

from services.simulator.azure.kql import hints, nodes
from services.simulator.azure.kql.compiler import BaseGetter, Column, Compiler, Schema, default_name
from services.simulator.azure.kql.errors import semantic


class Table(Protocol):
    """`select` gives the rows in scope, sorted by id when the flag says so.

    Hints narrow it by type and ids.
    """

    @property
    def columns(self) -> dict[str, str]: ...
    def fast(self, column: str, path: tuple[str | int, ...]) -> Any: ...
    def select(self, hint: hints.Hint) -> tuple[Sequence[Any], bool]: ...


@dataclass(slots=True)
class Result:
    """Selected source rows and the columns that are to be shown of each.

    `aggregated`: rows are final and cannot be paged (summarize, distinct, count). `ordered`: by the query.
    `slow`: a caller's note that shown columns need whole rows.
    """

    rows: Sequence[Any]
    schema: dict[str, Column]
    ordered: bool = False
    aggregated: bool = False
    slow: bool = False

    @property
    def has_id(self) -> bool:
        column = self.schema.get("id")
        return column is not None and column.raw_id


@dataclass(slots=True)
class _State:
    rows: Sequence[Any]
    schema: dict[str, Column]
    sorted_by_id: bool
    ordered: bool = False
    aggregated: bool = False
    compiler: Compiler = field(repr=False, kw_only=True)


def base_schema(columns: dict[str, str], getter: BaseGetter) -> dict[str, Column]:
    """All columns of a table, read by `getter`."""
    return {name: Column(getter(name, ()), kind, name == "id", name) for name, kind in columns.items()}


def run(query: nodes.Query, table: Table, now: datetime, shuffle: random.Random) -> Result:
    """Evaluate. `shuffle` orders results that the query leaves unordered and that can't be sorted by id.

    Raises KqlError for names, types and functions that don't fit.
    """
    hint, stages = hints.extract(query.stages)
    compiler = Compiler(table.fast, now)
    rows, by_id = table.select(hint)
    state = _State(rows, base_schema(table.columns, table.fast), by_id, compiler=compiler)
    for stage in stages:
        _apply(state, stage)
    result = Result(state.rows, state.schema, state.ordered, state.aggregated)
    if not state.ordered and not state.aggregated:
        _settle(result, sorted_by_id=state.sorted_by_id, shuffle=shuffle)
    return result


def output_schema(query: nodes.Query, columns: dict[str, str], getter: BaseGetter, now: datetime) -> Schema:
    """The shown columns, compiled over another representation of the rows (for churn)."""
    state = _State([], base_schema(columns, getter), sorted_by_id=True, compiler=Compiler(getter, now))
    for stage in query.stages:
        _apply(state, stage)
    return state.schema


def _settle(result: Result, *, sorted_by_id: bool, shuffle: random.Random) -> None:
    """Without order.

    By id when it is projected (as Resource Graph does for paging), else random each time.
    """
    if result.has_id:
        if not sorted_by_id:
            result.rows = sorted(result.rows, key=result.schema["id"].get)
        return
    rows = list(result.rows)
    shuffle.shuffle(rows)
    result.rows = rows


def _apply(state: _State, stage: nodes.Stage) -> None:
    match stage:
        case nodes.Where(predicate):
            test = state.compiler.column(predicate, state.schema)
            if test.kind not in {"bool", "dynamic"}:
                raise semantic(f"'where' operator: expression must be of type bool, not {test.kind}")
            get = test.get
            state.rows = [row for row in state.rows if get(row)]
        case nodes.Project(columns):
            state.schema = _columns(state, columns)
        case nodes.Extend(columns):
            state.schema = {**state.schema, **_columns(state, columns)}
        case nodes.Order(keys):
            _order(state, keys)
        case nodes.Limit(count):
            state.rows = state.rows[:count]
        case nodes.Count():
            _aggregate(state, [{"Count": len(state.rows)}], {"Count": "long"})
        case nodes.Distinct(columns):
            _group(state, columns, None, "distinct")
        case nodes.Summarize(alias, by):
            _group(state, by, alias, "summarize")


def _columns(state: _State, named: Sequence[nodes.Named]) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for item in named:
        column = state.compiler.column(item.expression, state.schema)
        name = item.alias or default_name(item.expression, len(found) + 1)
        if name in found:
            raise semantic(f"A column with the name '{name}' is already defined")
        found[name] = column
    return found


def _order(state: _State, keys: Sequence[nodes.Key]) -> None:
    columns = [(state.compiler.column(key.expression, state.schema), key.descending) for key in keys]
    for column, _ in columns:
        if column.kind == "dynamic":
            raise semantic("order operator: key can't be of dynamic type")
    state.ordered = True
    if state.sorted_by_id and len(columns) == 1 and columns[0][0].raw_id and not columns[0][1]:
        return
    rows = list(state.rows)
    for column, descending in reversed(columns):
        get = column.get
        rows.sort(key=lambda row, get=get: (get(row) is not None, get(row)), reverse=descending)  # type: ignore[misc]
    state.rows, state.sorted_by_id = rows, False


def _group(state: _State, by: Sequence[nodes.Named], alias: str | None, operator: str) -> None:
    columns = _columns(state, by)
    for name, column in columns.items():
        if column.kind == "dynamic":
            raise semantic(
                f"'{operator}' operator: group key '{name}' is of a 'dynamic' type. Please use an "
                "explicit cast "
                f"(for example, '{operator} ... by tostring({name})') as grouping by a 'dynamic' "
                "type is not supported."
            )
    gets = [column.get for column in columns.values()]
    counts: Counter[tuple[Any, ...]]
    if len(gets) == 1:
        counts = Counter((value,) for value in map(gets[0], state.rows))
    else:
        counts = Counter(tuple(get(row) for get in gets) for row in state.rows)
    if alias is not None and not columns:
        counts[()] = len(state.rows)
    extra = {alias: "long"} if alias is not None else {}
    names = list(columns)
    rows = [
        dict(zip(names, key, strict=True)) | ({alias: count} if alias is not None else {})
        for key, count in counts.items()
    ]
    _aggregate(state, rows, {name: column.kind for name, column in columns.items()} | extra)


def _aggregate(state: _State, rows: Sequence[Any], kinds: dict[str, str]) -> None:
    state.rows = rows
    state.schema = {name: Column(itemgetter(name), kind) for name, kind in kinds.items()}
    state.aggregated, state.sorted_by_id, state.ordered = True, False, False
