"""Tokens to a query: the tabular operators. Expressions are in `expressions`."""

from collections.abc import Callable

from services.simulator.azure.kql import nodes
from services.simulator.azure.kql.cursor import Cursor
from services.simulator.azure.kql.errors import unsupported
from services.simulator.azure.kql.expressions import expression, named
from services.simulator.azure.kql.lexer import tokens


def parse(text: str) -> nodes.Query:
    """Parse one query. Raises KqlError for anything outside the subset, never guesses."""
    cursor = Cursor(tokens(text))
    table = cursor.expect_name()
    stages: list[nodes.Stage] = []
    while cursor.accept("|"):
        if cursor.accept_word("top"):
            stages.extend(_top(cursor))
        else:
            stages.append(_stage(cursor))
    if cursor.peek().kind != "end":
        raise cursor.failure()
    return nodes.Query(table, tuple(stages))


def _stage(cursor: Cursor) -> nodes.Stage:
    operator = cursor.expect_name()
    reader = _STAGES.get(operator)
    if reader is None:
        raise unsupported(operator)
    return reader(cursor)


def _sorted(cursor: Cursor) -> nodes.Stage:
    cursor.expect_word("by")
    return nodes.Order(_keys(cursor))


def _top(cursor: Cursor) -> tuple[nodes.Stage, ...]:
    """`top n by key` is an order followed by a limit."""
    rows = _integer(cursor)
    cursor.expect_word("by")
    return nodes.Order(_keys(cursor)), nodes.Limit(rows)


def _integer(cursor: Cursor) -> int:
    token = cursor.next()
    if token.kind != "number" or not token.text.isdigit():
        raise cursor.failure(token)
    return int(token.text)


def _columns(cursor: Cursor) -> tuple[nodes.Named, ...]:
    columns = [named(cursor)]
    while cursor.accept(","):
        columns.append(named(cursor))
    return tuple(columns)


def _keys(cursor: Cursor) -> tuple[nodes.Key, ...]:
    keys = [_key(cursor)]
    while cursor.accept(","):
        keys.append(_key(cursor))
    return tuple(keys)


def _key(cursor: Cursor) -> nodes.Key:
    value = expression(cursor)
    descending = True  # Kusto's default
    if cursor.accept_word("asc"):
        descending = False
    else:
        cursor.accept_word("desc")
    return nodes.Key(value, descending)


def _summarize(cursor: Cursor) -> nodes.Stage:
    alias: str | None = None
    if not cursor.at_word("by"):
        alias = _count(cursor)
        if cursor.peek().text == ",":
            raise unsupported("summarize with several aggregates")
    by: tuple[nodes.Named, ...] = ()
    if cursor.accept_word("by"):
        by = _columns(cursor)
    return nodes.Summarize(alias, by)


def _count(cursor: Cursor) -> str:
    """`count()` or `alias = count()`; other aggregates are outside the subset."""
    name = cursor.expect_name()
    alias = "count_"
    if cursor.accept("="):
        alias, name = name, cursor.expect_name()
    if name != "count":
        raise unsupported(name)
    cursor.expect("(")
    cursor.expect(")")
    return alias


_STAGES: dict[str, Callable[[Cursor], nodes.Stage]] = {
    "where": lambda cursor: nodes.Where(expression(cursor)),
    "filter": lambda cursor: nodes.Where(expression(cursor)),
    "project": lambda cursor: nodes.Project(_columns(cursor)),
    "extend": lambda cursor: nodes.Extend(_columns(cursor)),
    "distinct": lambda cursor: nodes.Distinct(_columns(cursor)),
    "summarize": _summarize,
    "count": lambda _cursor: nodes.Count(),
    "order": _sorted,
    "sort": _sorted,
    "limit": lambda cursor: nodes.Limit(_integer(cursor)),
    "take": lambda cursor: nodes.Limit(_integer(cursor)),
}
