"""Schedules: slots on the clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.settings.schedule import parse_schedule

MOMENTS = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001 - hypothesis adds UTC
    datetime(2032, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
TEXTS = [
    "5m",
    "24h",
    "7d",
    "0 2 * * *",
    "*/15 * * * *",
    "30 4 1 * *",
    "0 0 * * 0",
    "0 0 13 * 5",
    "0 0 29 2 *",
]


@given(now=MOMENTS, text=st.sampled_from(TEXTS))
def test_previous_and_following_enclose_the_moment(now: datetime, text: str) -> None:
    """Previous <= now < following, both are slots, and none lies between them."""
    slots = parse_schedule(text)
    before, after = slots.previous(now), slots.following(now)
    assert before <= now < after
    assert slots.previous(before) == before
    assert slots.previous(after) == after
    assert slots.following(before) == after


@pytest.mark.parametrize(
    ("text", "after", "slot"),
    [
        ("0 2 * * *", "2026-03-01T02:00", "2026-03-02T02:00"),
        ("30 4 1 * *", "2026-12-31T00:00", "2027-01-01T04:30"),
        ("0 0 * * 7", "2026-03-02T00:00", "2026-03-08T00:00"),
        ("0 0 * * 0", "2026-03-02T00:00", "2026-03-08T00:00"),
        ("0 0 * * mon-fri", "2026-03-06T00:00", "2026-03-09T00:00"),
        ("0 0 13 * 5", "2026-03-01T00:00", "2026-03-06T00:00"),  # cron(8): the 13th or a Friday
        ("0 0 29 2 *", "2096-03-01T00:00", "2104-02-29T00:00"),
        ("24h", "2026-03-01T02:00", "2026-03-02T00:00"),
    ],
)
def test_the_next_slot_is_the_one_cron_means(text: str, after: str, slot: str) -> None:
    """Known answers, in UTC."""
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert parse_schedule(text).following(start) == datetime.fromisoformat(slot).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "24", "0h", "1m", "* * * *", "60 * * * *", "0 0 30 2 *", "a b c d e"])
def test_nonsense_is_refused_with_a_mend(text: str) -> None:
    """A ValueError whose text says what to write."""
    with pytest.raises(ValueError, match=r"write|names no moment"):
        parse_schedule(text)


def test_intervals_don_t_drift() -> None:
    """Slots hang on the clock, not on when the process started."""
    slots = parse_schedule("1h")
    now = datetime(2026, 3, 1, 7, 31, 12, tzinfo=UTC)
    assert slots.previous(now) == datetime(2026, 3, 1, 7, tzinfo=UTC)
    assert slots.following(now) - slots.previous(now) == timedelta(hours=1)
