"""Scalar functions and comparisons on values of rows. None is Kusto's null."""

import operator
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from services.simulator.azure.kql.expressions import parse_instant

Scalar = Callable[..., Any]
_TERM = re.compile(r"[^\W_]+", re.UNICODE)


def text(value: Any) -> str:
    """`tostring`: null is empty, objects are JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return str(value)


def is_empty(value: Any) -> bool:
    return value is None or value == ""


def coalesce(*values: Any) -> Any:
    """The first that is not null (for strings: not empty)."""
    return next((value for value in values if not is_empty(value)), None)


def integer(value: Any) -> int | None:
    try:
        return int(float(value)) if value is not None else None
    except (TypeError, ValueError):
        return None


def to_instant(value: Any) -> datetime | None:
    if isinstance(value, datetime) or value is None:
        return value
    return parse_instant(value) if isinstance(value, str) else None


def array_length(value: Any) -> int | None:
    return len(value) if isinstance(value, list) else None


FUNCTIONS: dict[str, tuple[int, int, str, Scalar]] = {
    # name: least and most arguments, kind of the result, function
    "tolower": (1, 1, "string", lambda value: text(value).lower()),
    "toupper": (1, 1, "string", lambda value: text(value).upper()),
    "tostring": (1, 1, "string", text),
    "strcat": (1, 64, "string", lambda *values: "".join(map(text, values))),
    "strlen": (1, 1, "long", lambda value: len(text(value))),
    "coalesce": (2, 64, "", coalesce),
    "isempty": (1, 1, "bool", is_empty),
    "isnotempty": (1, 1, "bool", lambda value: not is_empty(value)),
    "isnull": (1, 1, "bool", lambda value: value is None),
    "isnotnull": (1, 1, "bool", lambda value: value is not None),
    "not": (1, 1, "bool", lambda value: not value),
    "toint": (1, 1, "long", integer),
    "tolong": (1, 1, "long", integer),
    "todatetime": (1, 1, "datetime", to_instant),
    "array_length": (1, 1, "long", array_length),
}
"""`now()` and `ago(timespan)` are bound by the compiler, which knows the clock."""


def ago(now: datetime, seconds: float) -> datetime:
    return now - timedelta(seconds=seconds)


def _lower(value: Any) -> str:
    return text(value).lower()


def _has(left: Any, right: Any) -> bool:
    """Whole-term match: the needle's terms stand in the text next to each other."""
    haystack, needle = _lower(left), _lower(right)
    start = haystack.find(needle)
    while start >= 0:
        end = start + len(needle)
        before = start == 0 or not _TERM.match(haystack[start - 1])
        after = end == len(haystack) or not _TERM.match(haystack[end])
        if before and after:
            return True
        start = haystack.find(needle, start + 1)
    return False


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(left: Any, right: Any) -> bool:
        if isinstance(right, datetime) and isinstance(left, str):
            left = parse_instant(left)
        if left is None or right is None:
            return False
        try:
            return compare(left, right)
        except TypeError:
            return False

    return test


def _equal(left: Any, right: Any) -> bool:
    if isinstance(right, datetime) and isinstance(left, str):
        left = parse_instant(left)
    return bool(left == right)


BINARY: dict[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "=~": lambda left, right: _lower(left) == _lower(right),
    "!~": lambda left, right: _lower(left) != _lower(right),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "contains": lambda left, right: _lower(right) in _lower(left),
    "!contains": lambda left, right: _lower(right) not in _lower(left),
    "startswith": lambda left, right: _lower(left).startswith(_lower(right)),
    "!startswith": lambda left, right: not _lower(left).startswith(_lower(right)),
    "endswith": lambda left, right: _lower(left).endswith(_lower(right)),
    "!endswith": lambda left, right: not _lower(left).endswith(_lower(right)),
    "has": _has,
    "!has": lambda left, right: not _has(left, right),
}
