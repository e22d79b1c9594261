"""Text to tokens."""

import re
from dataclasses import dataclass

from services.simulator.azure.kql.errors import parser_failure

_PATTERN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<string>@?"(?:[^"\\\n]|\\.)*"|@?'(?:[^'\\\n]|\\.)*')
  | (?P<datetime>datetime\([^)\n]*\))
  | (?P<timespan>\d+(?:\.\d+)?(?:ms|d|h|m|s)\b)
  | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:-(?:away|expand|keep|rename|reorder|apply)\b)?)
  | (?P<symbol>!in~|in~|==|=~|!=|!~|<=|>=|<|>|=|\||\(|\)|\[|\]|,|\.|\*|\+|-|/|%|!)
    """,
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "0": "\0"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is string, datetime, timespan, number, name, symbol or end; `text` is the value of a string."""

    kind: str
    text: str
    line: int
    column: int


def _unescape(match: re.Match[str]) -> str:
    body = match.group(1)
    if body[0] == "u" and len(body) == 5:
        return chr(int(body[1:], 16))
    return _ESCAPES.get(body, body)


def _string(raw: str) -> str:
    if raw.startswith("@"):
        return raw[2:-1]
    return _ESCAPE.sub(_unescape, raw[1:-1])


def tokens(text: str) -> list[Token]:
    """All tokens of a query, the last of kind `end`. Raises KqlError where no token can be read."""
    found: list[Token] = []
    position, line, line_start = 0, 1, 0
    while position < len(text):
        match = _PATTERN.match(text, position)
        if match is None:
            raise parser_failure(line, position - line_start, text[position])
        kind, raw = match.lastgroup or "", match.group()
        position = match.end()
        if kind == "space":
            newlines = raw.count("\n")
            if newlines:
                line, line_start = line + newlines, match.start() + raw.rfind("\n") + 1
            continue
        if kind == "name" and raw in {"in", "has_any"} and text[position : position + 1] == "~":
            raw, position = raw + "~", position + 1
        value = raw
        if kind == "string":
            value = _string(raw)
        elif kind == "datetime":
            value = raw[len("datetime(") : -1].strip().strip("'\"")
        found.append(Token(kind, value, line, match.start() - line_start))
    found.append(Token("end", "<EOF>", line, len(text) - line_start))
    return found
