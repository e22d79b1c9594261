"""One condition compiled to a predicate over a row."""

import operator
from collections.abc import Callable
from dataclasses import dataclass

from services.simulator.servicenow.dictionary.schema import DATES, NUMBERS, REFERENCES, Column, Table
from services.simulator.servicenow.query import dates
from services.simulator.servicenow.query.parse import Condition
from services.simulator.servicenow.store import Database, Row
from services.simulator.servicenow.times import parse, stamp

Predicate = Callable[[Row], bool]
Getter = Callable[[Row], str]

ME = "90d1921e5f510100a9ad2572f2b477fe"
"""The out-of-the-box dynamic filter option "Me"."""

_COMPARE: dict[str, Callable[[object, object], bool]] = {
    ">": operator.gt,  # type: ignore[dict-item]  # both sides are of one kind, see _ordered
    ">=": operator.ge,  # type: ignore[dict-item]
    "<": operator.lt,  # type: ignore[dict-item]
    "<=": operator.le,  # type: ignore[dict-item]
}
_FIELDS = {
    "GT_FIELD": ">",
    "LT_FIELD": "<",
    "GT_OR_EQUALS_FIELD": ">=",
    "GE_OR_EQUALS_FIELD": ">=",
    "LT_OR_EQUALS_FIELD": "<=",
    "LE_OR_EQUALS_FIELD": "<=",
    "SAMEAS": "=",
    "NSAMEAS": "!=",
}
_RELATIVE = {"RELATIVEGT": ">", "RELATIVEGE": ">=", "RELATIVELT": "<", "RELATIVELE": "<="}
_LIKE: dict[str, Callable[[str, str], bool]] = {
    "LIKE": operator.contains,
    "*": operator.contains,
    "CONTAINS": operator.contains,
    "STARTSWITH": str.startswith,
    "ENDSWITH": str.endswith,
    "%": str.endswith,
}
_NOT_LIKE = {"NOT LIKE", "NOTLIKE", "!*", "DOES NOT CONTAIN"}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a query is read against."""

    database: Database
    table: Table
    moment: dates.Moment
    fold: bool = True

    def text(self, value: str) -> str:
        """Text as the database collates it: regardless of case unless the mode says otherwise."""
        return value.casefold() if self.fold else value


def resolve(scope: Scope, path: str) -> tuple[Getter, Column] | None:
    """How to read a (dot-walked) column, and what it is; None if there is no such column."""
    head, _, rest = path.partition(".")
    column = scope.table.columns.get(head)
    if column is None:
        return None
    if not rest:
        return (lambda row: row.get(head, "")), column
    target = scope.database.schema.get(column.reference)
    if target is None:
        return None
    inner = resolve(Scope(scope.database, target, scope.moment, scope.fold), rest)
    if inner is None:
        return None
    read, last = inner
    return (lambda row: read(scope.database.find(target.name, row.get(head, "")) or {})), last


def compile_condition(scope: Scope, condition: Condition) -> Predicate | None:
    """A predicate; None if the column does not exist or the operator makes no sense (then it is ignored)."""
    if condition.operator == "TEXT":
        return _text_search(scope, condition.value)
    found = resolve(scope, condition.field)
    if found is None:
        return None
    read, column = found
    if condition.operator in _FIELDS:
        return _two_fields(scope, read, column, condition)
    if condition.operator in {"MORETHAN", "LESSTHAN"}:
        return _distance(scope, read, condition)
    return (
        _without_value(read, column, condition, scope)
        or (_dated(scope, read, condition) if column.kind in DATES else None)
        or _valued(scope, read, column, condition)
    )


def _without_value(read: Getter, column: Column, condition: Condition, scope: Scope) -> Predicate | None:
    match condition.operator:
        case "ANYTHING":
            return lambda _: True
        case "ISEMPTY" | "EMPTYSTRING":
            return lambda row: not read(row)
        case "ISNOTEMPTY":
            return lambda row: bool(read(row))
        case "INSTANCEOF":
            return _instance_of(scope, read, condition.value)
        case "DYNAMIC" if column.kind in REFERENCES:
            user = scope.moment.user_id if condition.value == ME else ""
            return lambda row: read(row) == user
    return None


def _instance_of(scope: Scope, read: Getter, wanted: str) -> Predicate:
    names = (
        {store.table.name for store in scope.database.family(wanted)}
        if wanted in scope.database.schema
        else set()
    )
    return lambda row: read(row) in names


def _text_search(scope: Scope, value: str) -> Predicate:
    words = value.casefold().split()
    names = [c.name for c in scope.table.columns.values() if c.kind in {"string", "html"}]

    def matches(row: Row) -> bool:
        text = " ".join(row[name] for name in names if name in row).casefold()
        return all(word in text for word in words)

    return matches


def _two_fields(scope: Scope, read: Getter, column: Column, condition: Condition) -> Predicate | None:
    found = resolve(scope, condition.value.partition("@")[0])
    if found is None:
        return None
    other = found[0]
    sign = _FIELDS[condition.operator]
    if sign in {"=", "!="}:
        return lambda row: (read(row) == other(row)) == (sign == "=")
    compare = _COMPARE[sign]
    key = sort_key(column, scope)
    return lambda row: bool(read(row)) and bool(other(row)) and compare(key(read(row)), key(other(row)))


def _distance(scope: Scope, read: Getter, condition: Condition) -> Predicate | None:
    name, *parts = condition.value.split("@")
    found, seconds = resolve(scope, name), dates.span(parts)
    if found is None or seconds is None:
        return None
    other, more = found[0], condition.operator == "MORETHAN"

    def matches(row: Row) -> bool:
        here, there = parse(read(row)), parse(other(row))
        if here is None or there is None:
            return False
        apart = (here - there).total_seconds() * (1 if seconds > 0 else -1)
        return apart > abs(seconds) if more else 0 <= apart < abs(seconds)

    return matches


def _dated(scope: Scope, read: Getter, condition: Condition) -> Predicate | None:
    name, value, moment = condition.operator, condition.value, scope.moment
    if name == "DATEPART":
        return lambda row: dates.date_part(value, read(row), moment)
    if name in {"ON", "NOTON"}:
        low, high = (_value(scope, part) for part in ("@@" + value).split("@")[-2:])
        inside = name == "ON"
        return lambda row: (low <= read(row) <= high) == inside
    if name.startswith("RELATIVE"):
        found = dates.offset(value, moment)
        if found is None:
            return None
        limit, unit = found
        if name in _RELATIVE:
            compare = _COMPARE[_RELATIVE[name]]
            return lambda row: bool(read(row)) and compare(read(row), limit)
        width = {"minute": 16, "hour": 13}.get(unit, 10)
        return lambda row: read(row)[:width] == limit[:width]
    return None


def _value(scope: Scope, text: str) -> str:
    """A literal, or what its javascript evaluates to (nothing, if it is not known)."""
    if text.startswith("javascript:"):
        return dates.evaluate(text, scope.moment) or ""
    return text


def _valued(scope: Scope, read: Getter, column: Column, condition: Condition) -> Predicate | None:
    name = condition.operator
    if name in {"IN", "NOT IN"}:
        wanted = {scope.text(_value(scope, part.strip())) for part in condition.value.split(",")}
        inside = name == "IN"
        return lambda row: (scope.text(read(row)) in wanted) == inside
    if name in {"BETWEEN", "NOT BETWEEN"}:
        return _between(scope, read, column, condition)
    value = _value(scope, condition.value)
    if name in {"=", "!="}:
        return _equals(scope, read, column, value, equal=name == "=")
    if name in _COMPARE:
        compare, key = _COMPARE[name], sort_key(column, scope)
        limit = key(_day(column, value))
        return lambda row: bool(read(row)) and compare(key(read(row)), limit)
    if name in _LIKE or name in _NOT_LIKE:
        return _like(scope, read, column, name, value)
    return None


def _equals(scope: Scope, read: Getter, column: Column, value: str, *, equal: bool) -> Predicate:
    if column.kind == "boolean":
        wanted = "true" if value.lower() in {"true", "1"} else "false"
        return lambda row: ((read(row) or "false") == wanted) == equal
    if column.kind in DATES and len(value) == 10:
        return lambda row: (read(row)[:10] == value) == equal
    wanted = scope.text(value)
    return lambda row: (scope.text(read(row)) == wanted) == equal


def _between(scope: Scope, read: Getter, column: Column, condition: Condition) -> Predicate | None:
    low, separator, high = condition.value.partition("@")
    if not separator:
        return None
    key = sort_key(column, scope)
    first, last = key(_value(scope, low)), key(_value(scope, high))
    inside = condition.operator == "BETWEEN"
    at_least, at_most = _COMPARE[">="], _COMPARE["<="]
    return lambda row: (
        (bool(read(row)) and at_least(key(read(row)), first) and at_most(key(read(row)), last)) == inside
    )


def _like(scope: Scope, read: Getter, column: Column, name: str, value: str) -> Predicate:
    """Text tests; on a reference they look at the display value."""
    wanted = scope.text(value)
    shown = read
    if column.kind in REFERENCES and column.reference in scope.database.schema:
        shown = lambda row: scope.database.display(column.reference, read(row))  # noqa: E731 - one of two readers
    if name in _NOT_LIKE:
        return lambda row: wanted not in scope.text(shown(row))
    test = _LIKE[name]
    if shown is read and scope.fold:
        # Polls run this on every record: one call less counts.
        return lambda row: test(read(row).casefold(), wanted)
    return lambda row: test(scope.text(shown(row)), wanted)


def _day(column: Column, value: str) -> str:
    """A plain date compared with a time means its midnight."""
    if column.kind in DATES and len(value) == 10 and (moment := parse(value)):
        return stamp(moment)
    return value


def sort_key(column: Column, scope: Scope) -> Callable[[str], object]:
    """How values of a column compare: numbers as numbers (empty first), everything else as text."""
    if column.kind in NUMBERS:
        return _number
    return scope.text


def _number(text: str) -> float:
    try:
        return float(text) if text else float("-inf")
    except ValueError:
        return float("-inf")
