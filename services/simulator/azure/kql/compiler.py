"""Expressions to closures over source rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.simulator.azure.kql import functions, nodes
from services.simulator.azure.kql.errors import semantic, unsupported

Getter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A value of each row.

    `raw_id` marks the table's own `id`, which paging needs; `path` leads into its base.
    """

    get: Getter
    kind: str
    raw_id: bool = False
    base: str | None = None


Schema = Mapping[str, Column]
BaseGetter = Callable[[str, tuple[str | int, ...]], Getter]


def walk(value: Any, path: tuple[str | int, ...]) -> Any:
    """Follow a path into a dynamic value; null where it leads nowhere.

    Keys are case-sensitive, as in Kusto.
    """
    for key in path:
        if isinstance(key, str):
            value = value.get(key) if isinstance(value, dict) else None
        else:
            value = value[key] if isinstance(value, list) and key < len(value) else None
        if value is None:
            return None
    return value


class Compiler:
    """`base` gives fast access to a path of a column of the table; `now` binds now() and ago()."""

    def __init__(self, base: BaseGetter, now: datetime) -> None:
        self._base = base
        self._now = now

    def column(self, expression: nodes.Expression, schema: Schema) -> Column:
        """The closure and kind of an expression. Raises KqlError for unknown names and functions."""
        match expression:
            case nodes.Literal(value, kind):
                return Column(lambda _row: value, kind)
            case nodes.Name():
                return self._name(expression, schema)
            case nodes.Binary():
                return Column(self._binary(expression, schema), "bool")
            case nodes.Membership():
                return Column(self._membership(expression, schema), "bool")
            case nodes.Call():
                return self._call(expression, schema)

    def _name(self, name: nodes.Name, schema: Schema) -> Column:
        column = schema.get(name.column)
        if column is None:
            raise semantic(f"Failed to resolve scalar expression named '{name.column}'")
        if not name.path:
            return column
        if column.kind != "dynamic":
            raise semantic(
                f"Path expression source must be of type dynamic, '{name.column}' is {column.kind}"
            )
        if column.base is not None:
            return Column(self._base(column.base, name.path), "dynamic")
        get, path = column.get, name.path
        return Column(lambda row: walk(get(row), path), "dynamic")

    def _binary(self, expression: nodes.Binary, schema: Schema) -> Getter:
        left = self.column(expression.left, schema).get
        right = self.column(expression.right, schema).get
        if expression.operator == "and":
            return lambda row: bool(left(row)) and bool(right(row))
        if expression.operator == "or":
            return lambda row: bool(left(row)) or bool(right(row))
        compare = functions.BINARY[expression.operator]
        if expression.operator == "==" and isinstance(expression.right, nodes.Literal):
            literal = expression.right.value
            if isinstance(literal, str):
                return lambda row: bool(left(row) == literal)
        return lambda row: compare(left(row), right(row))

    def _membership(self, expression: nodes.Membership, schema: Schema) -> Getter:
        get = self.column(expression.left, schema).get
        values = {literal(item) for item in expression.values}
        if not expression.operator.endswith("~"):
            if expression.operator.startswith("!"):
                return lambda row: get(row) not in values
            return lambda row: get(row) in values
        lowered = {functions.text(value).lower() for value in values}
        if expression.operator.startswith("!"):
            return lambda row: functions.text(get(row)).lower() not in lowered
        return lambda row: functions.text(get(row)).lower() in lowered

    def _call(self, call: nodes.Call, schema: Schema) -> Column:
        if call.function == "now" and not call.arguments:
            now = self._now
            return Column(lambda _row: now, "datetime")
        if call.function == "ago" and len(call.arguments) == 1:
            then = functions.ago(self._now, float(literal(call.arguments[0])))
            return Column(lambda _row: then, "datetime")
        known = functions.FUNCTIONS.get(call.function)
        if known is None:
            raise unsupported(call.function)
        least, most, kind, function = known
        if not least <= len(call.arguments) <= most:
            raise semantic(f"{call.function}(): function expects {least} to {most} argument(s).")
        columns = [self.column(argument, schema) for argument in call.arguments]
        kind = kind or columns[0].kind
        gets = [column.get for column in columns]
        if len(gets) == 1:
            only = gets[0]
            return Column(lambda row: function(only(row)), kind)
        return Column(lambda row: function(*[get(row) for get in gets]), kind)


def literal(expression: nodes.Expression) -> Any:
    """The value of a literal. Raises KqlError for anything else."""
    if not isinstance(expression, nodes.Literal):
        raise semantic("a literal is expected")
    return expression.value


def default_name(expression: nodes.Expression, position: int) -> str:
    """Resource Graph's name of a column without alias: `properties.status.code` is properties_status_code."""
    if isinstance(expression, nodes.Name):
        return "_".join([expression.column, *map(str, expression.path)])
    return f"Column{position}"
