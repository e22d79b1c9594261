"""Batch sizes by measured execution times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.servicenow_writer.sizing import FIRST, BatchSizer


@pytest.mark.parametrize(("item_ms", "size"), [(10, 50), (100, 50), (250, 20), (1000, 5), (9000, 1)])
def test_settles_below_the_limit(item_ms: int, size: int) -> None:
    """After a few batches a batch takes at most five seconds of the instance's own time."""
    sizer = BatchSizer(5, 50)
    assert sizer.size == FIRST
    for _ in range(20):
        sizer.measured([item_ms] * sizer.size, 0)
    assert sizer.size == size


def test_cut_off() -> None:
    """A batch that ran out of time halves the next one."""
    sizer = BatchSizer(5, 50)
    sizer.measured([100] * 6, 4)
    assert sizer.size == 5


def test_slower_at_once() -> None:
    """An instance that becomes slow is believed at once."""
    sizer = BatchSizer(5, 50)
    for _ in range(5):
        sizer.measured([10] * sizer.size, 0)
    sizer.measured([500] * 50, 0)
    assert sizer.size <= 20


@given(st.lists(st.tuples(st.lists(st.integers(0, 60_000), max_size=60), st.integers(0, 60)), max_size=30))
def test_always_usable(batches: list[tuple[list[int], int]]) -> None:
    """Whatever is measured, a batch holds one to `most` requests."""
    sizer = BatchSizer(5, 50)
    for times, unserviced in batches:
        sizer.measured(times, unserviced)
        assert 1 <= sizer.size <= 50
