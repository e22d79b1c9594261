"""A page's rows, undecoded but for what tells them apart: most of them are as they were."""

from collections.abc import Sequence

import msgspec

from common.azure.rows import AssessmentRow, decode_body, decode_row


class Head(msgspec.Struct, gc=False):
    """What identifies a row and its recommendation."""

    id: str | None = None
    name: str | None = None


_rows = msgspec.json.Decoder(list[msgspec.Raw])
_heads = msgspec.json.Decoder(list[Head])


def heads_of(rows_json: bytes) -> tuple[Sequence[msgspec.Raw], Sequence[Head | None]]:
    """Every row of a page as it came, and its head; None for a row that is none."""
    rows = _rows.decode(rows_json)
    try:
        heads: Sequence[Head] = _heads.decode(rows_json)
    except msgspec.ValidationError:
        return rows, [_patiently(row) for row in rows]
    if heads and heads[0].id is None:  # keys in another letter case
        return rows, [_patiently(row) for row in rows]
    return rows, heads


def _patiently(row: msgspec.Raw) -> Head | None:
    try:
        found = decode_row(row, AssessmentRow)
    except msgspec.ValidationError:
        return None
    return Head(found.id, found.name)


def decode_page(rows_json: bytes) -> list[AssessmentRow]:
    """A page's rows, without those that are none."""
    return decode_body(b'{"data":' + rows_json + b"}", AssessmentRow)[0].data
