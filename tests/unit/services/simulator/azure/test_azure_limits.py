"""Quotas: fixed windows of queries, steady buckets of reads."""

import pytest

from services.simulator.azure.limits import QueryQuota, TokenBuckets, hms, limits
from services.simulator.clock import Clock


class Hands(Clock):
    """A clock whose monotonic time is set by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 100.0

    def monotonic(self) -> float:
        return self.at


def test_the_window_opens_again_after_five_seconds() -> None:
    """15 per 5 s and principal; refused ones don't prolong the window; another principal has its own."""
    clock = Hands()
    quota, rules = QueryQuota(clock), limits("realistic", {})
    assert [quota.take("a", rules).remaining for _ in range(15)] == list(range(14, -1, -1))
    clock.at += 3
    refused = quota.take("a", rules)
    assert (refused.allowed, refused.resets) == (False, 2.0)
    assert quota.take("b", rules).allowed
    clock.at += 2
    assert quota.take("a", rules).remaining == 14


def test_a_bucket_refills_steadily() -> None:
    """250 reads, then 25 per second; the shared bucket is 15 times as large."""
    clock = Hands()
    buckets, rules = TokenBuckets(clock), limits("realistic", {})
    assert sum(buckets.take("s", "a", rules).allowed for _ in range(260)) == 250
    assert buckets.take("s", "a", rules).resets >= 1
    clock.at += 1
    assert sum(buckets.take("s", "a", rules).allowed for _ in range(30)) == 25
    assert buckets.take("s", "", rules, factor=15).remaining == 3749


def test_no_limits_means_none() -> None:
    """Mode none lets everything through."""
    quota, rules = QueryQuota(Hands()), limits("none", {})
    assert all(quota.take("a", rules).allowed for _ in range(100))


def test_overrides_and_mistakes() -> None:
    """Known fields are overridden; an unknown mode is a ValueError."""
    assert limits("realistic", {"graph_queries": 3}).graph_queries == 3
    with pytest.raises(ValueError, match="mode must be none or realistic"):
        limits("lax", {})


def test_resets_after_is_whole_seconds_rounded_up() -> None:
    """4.2 s are shown as 00:00:05."""
    assert (hms(4.2), hms(0), hms(3661)) == ("00:00:05", "00:00:00", "01:01:01")
