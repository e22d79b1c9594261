"""Records as ServiceNow sends them: flat mappings of strings (servicenow-api 1.4)."""

from collections.abc import Mapping
from typing import Any

import msgspec

Record = Mapping[str, str]


class _Rows(msgspec.Struct):
    result: list[dict[str, str]]


class _One(msgspec.Struct):
    result: dict[str, str]


class _LooseRows(msgspec.Struct):
    result: list[dict[str, Any]]


class _LooseOne(msgspec.Struct):
    result: dict[str, Any]


_rows = msgspec.json.Decoder(_Rows)
_one = msgspec.json.Decoder(_One)
_loose_rows = msgspec.json.Decoder(_LooseRows)
_loose_one = msgspec.json.Decoder(_LooseOne)


def decode_rows(content: bytes) -> list[dict[str, str]]:
    """The records of a list answer; values other than strings are turned into ServiceNow's strings."""
    try:
        return _rows.decode(content).result
    except msgspec.ValidationError:
        return [_flat(row) for row in _loose_rows.decode(content).result]


def decode_record(content: bytes) -> dict[str, str]:
    """The record of a get, create or patch answer."""
    try:
        return _one.decode(content).result
    except msgspec.ValidationError:
        return _flat(_loose_one.decode(content).result)


def _flat(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(item) for name, item in row.items()}


def _text(item: Any) -> str:
    """A reference's or a display pair's actual value; null is the empty string."""
    if isinstance(item, Mapping):
        return _text(item.get("value"))
    if isinstance(item, bool):
        return "true" if item else "false"
    return "" if item is None else str(item)


def encode_fields(fields: Mapping[str, str]) -> bytes:
    """A write's body. Every value is sent as a string: a number may arrive as "9.0" (servicenow-api 1.7)."""
    return msgspec.json.encode({name: str(item) for name, item in fields.items()})
