"""Tokens to expressions, by precedence: or, and, not, comparison, primary."""

from datetime import UTC, datetime

from services.simulator.azure.kql import nodes
from services.simulator.azure.kql.cursor import Cursor
from services.simulator.azure.kql.errors import semantic, unsupported
from services.simulator.azure.kql.lexer import Token

COMPARISONS = frozenset({"==", "=~", "!=", "!~", "<", "<=", ">", ">="})
WORDS = frozenset({"contains", "startswith", "endswith", "has"})
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_CONSTANTS = {"true": (True, "bool"), "false": (False, "bool"), "null": (None, "dynamic")}


def named(cursor: Cursor) -> nodes.Named:
    """`alias = expression` or a bare expression."""
    first, second = cursor.peek(), cursor.peek(1)
    if first.kind == "name" and second.kind == "symbol" and second.text == "=":
        cursor.next()
        cursor.next()
        return nodes.Named(first.text, expression(cursor))
    return nodes.Named(None, expression(cursor))


def expression(cursor: Cursor) -> nodes.Expression:
    """The loosest level."""
    left = _conjunction(cursor)
    while cursor.accept_word("or"):
        left = nodes.Binary("or", left, _conjunction(cursor))
    return left


def _conjunction(cursor: Cursor) -> nodes.Expression:
    left = _comparison(cursor)
    while cursor.accept_word("and"):
        left = nodes.Binary("and", left, _comparison(cursor))
    return left


def _comparison(cursor: Cursor) -> nodes.Expression:
    left = _primary(cursor)
    token = cursor.peek()
    if token.kind == "symbol" and token.text in COMPARISONS:
        cursor.next()
        return nodes.Binary(token.text, left, _primary(cursor))
    if token.kind == "symbol" and token.text in {"!in~", "in~"}:
        cursor.next()
        return nodes.Membership(token.text, left, _values(cursor))
    negated = cursor.accept("!")
    word = cursor.peek()
    if word.kind == "name" and word.text in {"in", "in~"}:
        cursor.next()
        return nodes.Membership(("!" if negated else "") + word.text, left, _values(cursor))
    if word.kind == "name" and word.text in WORDS:
        cursor.next()
        return nodes.Binary(("!" if negated else "") + word.text, left, _primary(cursor))
    if negated:
        raise cursor.failure()
    if word.kind == "symbol" and word.text in {"+", "-", "*", "/", "%"}:
        raise unsupported(word.text)
    if word.kind == "name" and word.text not in {"and", "or", "by", "asc", "desc"}:
        raise unsupported(word.text)
    return left


def _values(cursor: Cursor) -> tuple[nodes.Expression, ...]:
    cursor.expect("(")
    values: list[nodes.Expression] = []
    while not cursor.accept(")"):
        if values:
            cursor.expect(",")
        values.append(expression(cursor))
    return tuple(values)


def _primary(cursor: Cursor) -> nodes.Expression:
    token = cursor.next()
    constant = _constant(token)
    if constant is not None:
        return constant
    if token.kind == "symbol" and token.text == "(":
        inner = expression(cursor)
        cursor.expect(")")
        return inner
    if token.kind == "symbol" and token.text == "-" and cursor.peek().kind == "number":
        number = _constant(cursor.next())
        if number is not None:
            return nodes.Literal(-number.value, number.kind)
    if token.kind != "name":
        raise cursor.failure(token)
    if cursor.accept("("):
        return nodes.Call(token.text, _arguments(cursor))
    return nodes.Name(token.text, _path(cursor))


def _constant(token: Token) -> nodes.Literal | None:
    """The literal that a token is, if it is one."""
    match token.kind:
        case "string":
            return nodes.Literal(token.text, "string")
        case "number":
            whole = token.text.isdigit()
            return nodes.Literal(int(token.text) if whole else float(token.text), "long" if whole else "real")
        case "datetime":
            return nodes.Literal(instant(token.text), "datetime")
        case "timespan":
            unit = "ms" if token.text.endswith("ms") else token.text[-1]
            return nodes.Literal(float(token.text[: -len(unit)]) * _SECONDS[unit], "timespan")
        case "name" if token.text in _CONSTANTS:
            return nodes.Literal(*_CONSTANTS[token.text])
    return None


def _arguments(cursor: Cursor) -> tuple[nodes.Expression, ...]:
    arguments: list[nodes.Expression] = []
    while not cursor.accept(")"):
        if arguments:
            cursor.expect(",")
        arguments.append(expression(cursor))
    return tuple(arguments)


def _path(cursor: Cursor) -> tuple[str | int, ...]:
    path: list[str | int] = []
    while True:
        if cursor.accept("."):
            path.append(cursor.expect_name())
        elif cursor.accept("["):
            token = cursor.next()
            if token.kind == "number" and token.text.isdigit():
                path.append(int(token.text))
            elif token.kind == "string":
                path.append(token.text)
            else:
                raise cursor.failure(token)
            cursor.expect("]")
        else:
            return tuple(path)


def instant(text: str) -> datetime:
    """A datetime literal in UTC. Raises KqlError when it is none."""
    value = parse_instant(text)
    if value is None:
        raise semantic(f"datetime({text}) is not a valid datetime literal")
    return value


def parse_instant(text: str) -> datetime | None:
    """ISO 8601 with up to 7 fractional digits; None when it is no instant. UTC when no offset is given."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
