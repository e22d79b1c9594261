"""Running a query: which rows to look at (by an index where there is one), which match, in which order."""

import heapq
import operator
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter

from services.simulator.servicenow.dictionary.schema import REFERENCES
from services.simulator.servicenow.query.conditions import (
    Predicate,
    Scope,
    compile_condition,
    resolve,
    sort_key,
)
from services.simulator.servicenow.query.parse import Condition, Query, Related, Term
from services.simulator.servicenow.store import Row, TableStore, update_key

_COUNT: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows; `total` counts all that match (None if nobody asked)."""

    rows: list[Row]
    total: int | None


@dataclass(slots=True)
class Compiled:
    """A predicate for the whole query, and how many of its conditions were ignored."""

    matches: Predicate
    ignored: int


def compile_query(scope: Scope, query: Query) -> Compiled:
    """Unknown columns are left out of their group; a group without any term matches everything."""
    ignored = query.broken
    branches: list[list[Predicate]] = []
    for branch in query.branches:
        groups: list[Predicate] = []
        for group in branch:
            tests = [test for term in group if (test := _term(scope, term))]
            ignored += len(group) - len(tests)
            if tests:
                groups.append(tests[0] if len(tests) == 1 else _any(tests))
        branches.append(groups)
    return Compiled(_any([_all(groups) for groups in branches]), ignored)


def _term(scope: Scope, term: Term) -> Predicate | None:
    return compile_condition(scope, term) if isinstance(term, Condition) else _related(scope, term)


def _any(tests: list[Predicate]) -> Predicate:
    if len(tests) == 1:
        return tests[0]
    return lambda row: any(test(row) for test in tests)


def _all(tests: list[Predicate]) -> Predicate:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda row: first(row) and second(row)
    return lambda row: all(test(row) for test in tests)


def _related(scope: Scope, term: Related) -> Predicate | None:
    table = scope.database.schema.get(term.table)
    if table is None or term.operator not in _COUNT or term.field not in table.columns:
        return None
    inner = compile_query(Scope(scope.database, table, scope.moment, scope.fold), term.query).matches
    counts: dict[str, int] = {}
    for row in scope.database.rows(term.table):
        if (pointed := row.get(term.field)) and inner(row):
            counts[pointed] = counts.get(pointed, 0) + 1
    compare = _COUNT[term.operator]
    return lambda row: compare(counts.get(row.get(term.own, ""), 0), term.count)


def run(scope: Scope, query: Query, compiled: Compiled, *, offset: int, limit: int, count: bool) -> Page:
    """The rows from `offset` on. Without `count`, an ordered index is read no further than needed."""
    stores = scope.database.family(scope.table.name)
    candidates, ordered = _candidates(stores, query)
    found: Iterable[Row] = filter(compiled.matches, candidates)
    if not ordered:
        found = _sorted(scope, query, list(found)) if query.order else found
    if not count:
        return Page(list(islice(found, offset, offset + limit)), None)
    rows = found if isinstance(found, list) else list(found)
    return Page(rows[offset : offset + limit], len(rows))


def _candidates(stores: list[TableStore], query: Query) -> tuple[Iterable[Row], bool]:
    """Rows that may match, and whether they come in the order asked for."""
    keyed = _by_key(stores, query)
    if keyed is not None:
        return keyed, False
    plain = [name for name, descending in query.order if not descending]
    if len(plain) == len(query.order):
        if plain == ["sys_id"]:
            return _merged(stores, query, "sys_id"), True
        if plain in (["sys_updated_on"], ["sys_updated_on", "sys_id"]):
            return _merged(stores, query, "sys_updated_on"), True
    return (row for store in stores for row in store.rows.values()), False


def _by_key(stores: list[TableStore], query: Query) -> list[Row] | None:
    """The rows that the indexes give; None if a branch has no condition on an indexed column."""
    found: dict[str, Row] = {}
    for branch in query.branches:
        terms = [group[0] for group in branch if len(group) == 1 and isinstance(group[0], Condition)]
        hint = next((t for t in terms if _hints(stores, t)), None)
        if not isinstance(hint, Condition):
            return None
        values = hint.value.split(",") if hint.operator == "IN" else [hint.value]
        for store in stores:
            for value in values:
                for sys_id in store.matching(hint.field, value.strip()):
                    found[sys_id] = store.rows[sys_id]
    return list(found.values())


def _hints(stores: list[TableStore], term: Term) -> bool:
    return (
        isinstance(term, Condition)
        and term.operator in {"=", "IN"}
        and bool(term.value)
        and ",," not in f",{term.value},"
        and not term.value.startswith("javascript:")
        and all(store.indexed(term.field) for store in stores)
    )


def _merged(stores: list[TableStore], query: Query, column: str) -> Iterator[Row]:
    """All stores' rows in index order, from the lowest place that every branch allows."""
    low = _lower_bound(query, column)
    streams = [_from(store, column, low) for store in stores]
    if len(streams) == 1:
        return streams[0]
    return heapq.merge(*streams, key=update_key if column == "sys_updated_on" else itemgetter("sys_id"))


def _from(store: TableStore, column: str, low: str) -> Iterator[Row]:
    index = store.by_id if column == "sys_id" else store.by_update
    rows = store.rows
    start = bisect_left(index, low)
    if column == "sys_id":
        return (rows[key] for key in islice(index, start, None))
    return (rows[key[19:]] for key in islice(index, start, None))


def _lower_bound(query: Query, column: str) -> str:
    bounds = []
    for branch in query.branches:
        terms = [group[0] for group in branch if len(group) == 1 and isinstance(group[0], Condition)]
        lows = [
            t.value
            for t in terms
            if isinstance(t, Condition)
            and t.field == column
            and t.operator in {">", ">=", "="}
            and not t.value.startswith("javascript:")
        ]
        bounds.append(max(lows, default=""))
    return min(bounds)


def _sorted(scope: Scope, query: Query, rows: list[Row]) -> list[Row]:
    """Stable sorts from the last key to the first; unknown columns do not sort, as they do not filter."""
    for name, descending in reversed(query.order):
        found = resolve(scope, name)
        if found is None:
            continue
        read, column = found
        key = sort_key(column, scope)
        if column.kind in REFERENCES and column.reference in scope.database.schema:
            display, target = scope.database.display, column.reference
            rows.sort(key=lambda row: scope.text(display(target, read(row)) or read(row)), reverse=descending)
        else:
            rows.sort(key=lambda row: key(read(row)), reverse=descending)  # type: ignore[arg-type, return-value]
    return rows
