"""Rows that are told apart without being decoded, and those that can't be."""

import msgspec
import pytest

from services.mapper.page_rows import Head, heads_of
from tests.unit.services.mapper.conftest import Bench, row


@pytest.mark.parametrize(
    ("page", "heads"),
    [
        ('[{"id": "/A", "name": "n", "title": "t"}]', [Head("/A", "n")]),
        ('[{"ID": "/A", "Name": "n"}, {"id": "/B"}]', [Head("/A", "n"), Head("/B")]),
        ('[{"id": "/A"}, 5, {"id": 7}]', [Head("/A"), None, Head("7")]),
        ("[]", []),
    ],
)
def test_heads_come_with_their_rows(page: str, heads: list[Head | None]) -> None:
    """Keys in any letter case, numbers as text, and rows that are none."""
    rows, found = heads_of(page.encode())
    assert list(found) == heads
    assert [msgspec.json.decode(one) for one in rows] == msgspec.json.decode(page)


def test_a_row_that_can_not_be_decoded_keeps_what_was_known(bench: Bench) -> None:
    """Its id is readable, so its finding is there: it is malformed, not missing, and not gone."""
    first = bench.start()
    bench.read(first, [[row(1), row(2)]])
    broken = {**row(1), "title": ["no", "text"]}
    second = bench.start()
    bench.read(second, [[broken, row(2)]])  # type: ignore[list-item]
    record = bench.record(second)
    assert (record.read, record.matched, record.malformed, record.exact) == (2, 1, 1, True)
    assert bench.asked(second) == []
    third = bench.start()
    bench.read(third, [[row(1), row(2)]])
    assert (bench.record(third).matched, bench.record(third).malformed) == (2, 0)
