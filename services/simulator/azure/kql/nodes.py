"""What the parser makes of a query."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any
    kind: str


@dataclass(frozen=True, slots=True)
class Name:
    """A column and the path into it: `properties.status['code']` is ("properties", ("status", "code"))."""

    column: str
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Membership:
    operator: str
    left: "Expression"
    values: tuple["Expression", ...]


Expression = Literal | Name | Call | Binary | Membership


@dataclass(frozen=True, slots=True)
class Named:
    """An expression with its alias, if it has one."""

    alias: str | None
    expression: Expression


@dataclass(frozen=True, slots=True)
class Key:
    expression: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Where:
    predicate: Expression


@dataclass(frozen=True, slots=True)
class Project:
    columns: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Extend:
    columns: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Summarize:
    """`count_alias` is None when there is no aggregate (`summarize by x` lists distinct values)."""

    count_alias: str | None
    by: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Distinct:
    columns: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Count:
    pass


@dataclass(frozen=True, slots=True)
class Order:
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    rows: int


Stage = Where | Project | Extend | Summarize | Distinct | Count | Order | Limit


@dataclass(frozen=True, slots=True)
class Query:
    table: str
    stages: tuple[Stage, ...]
