"""Units largest first, in parts, and not where a role was lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.state.directory import subscription_of, unit_of
from services.collector.planning import has_shrunk, parts_for, plan_units, prefixes_of


def test_units_come_largest_first() -> None:
    """So that the run does not end with one long chain."""
    planned, shrunk = plan_units(["a", "b", "c"], {"a": 5, "b": 70, "c": 20}, {})
    assert [subscription_of(one.unit) for one in planned] == ["b", "c", "a"]
    assert shrunk == []


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [(0, 0, False), (0, 9, False), (1, 0, True), (100, 50, False), (101, 50, True), (80, 35, False)],
)
def test_a_sudden_loss_is_a_lost_role(before: int, now: int, expected: bool) -> None:
    """Nothing left, or less than half and more than 50 rows gone."""
    assert has_shrunk(before, now) is expected


def test_a_unit_that_lost_its_rows_is_not_read() -> None:
    """Neither is it planned, nor forgotten."""
    planned, shrunk = plan_units(["a", "b"], {"b": 3}, {unit_of("a"): 40})
    assert [one.unit for one in planned] == [unit_of("b")]
    assert [(one.unit, one.before, one.now) for one in shrunk] == [(unit_of("a"), 40, 0)]


def test_without_counts_nothing_has_shrunk() -> None:
    """A count that Azure cut tells nothing."""
    planned, shrunk = plan_units(["a"], None, {unit_of("a"): 40})
    assert [one.expected for one in planned] == [-1]
    assert shrunk == []


@given(st.integers(0, 2_000_000))
def test_parts_cover_every_recommendation_once(rows: int) -> None:
    """Whatever the size, each first digit of a key belongs to one part."""
    parts = parts_for(rows)
    digits = [digit for part in range(parts) for digit in prefixes_of(part, parts)]
    assert sorted(digits) == ([] if parts == 1 else list("0123456789abcdef"))
