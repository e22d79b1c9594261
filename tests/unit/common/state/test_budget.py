"""Budgets on a real Redis: reserved before use, lowered but never raised by headers."""

import threading
import time
from contextlib import ExitStack
from importlib import resources

import pytest
import redis

from common.errors import Park
from common.state.budget import Bucket, Permits, WindowBudget


class Slept:
    """A sleep that only adds up."""

    def __init__(self) -> None:
        self.total = 0.0

    def __call__(self, seconds: float) -> None:
        self.total += seconds


@pytest.fixture
def slept() -> Slept:
    return Slept()


def granted(budget: WindowBudget, tries: int = 40) -> int:
    """How many single calls are granted at once."""
    return sum(budget.reserve() == 0 for _ in range(tries))


def test_window_grants_its_share(redis_client: redis.Redis) -> None:
    """60% of 15 are 9, over all workers; the wait is told."""
    budgets = [WindowBudget(redis_client, "p") for _ in range(3)]
    assert sum(granted(budget, 5) for budget in budgets) == 9
    assert 4.0 < budgets[0].reserve() <= 5.01
    assert WindowBudget(redis_client, "other principal").reserve() == 0


def test_window_slides(redis_client: redis.Redis) -> None:
    """What was used comes back after the window, not before; no five seconds see more than the limit."""
    budget = WindowBudget(redis_client, "p", calls=4, seconds=0.4, share=1.0)
    moments: list[float] = []
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        if budget.reserve() == 0:
            moments.append(time.monotonic())
        time.sleep(0.01)
    assert len(moments) > 8
    assert all(later - first >= 0.38 for first, later in zip(moments, moments[4:], strict=False))


def test_window_is_shared_by_threads(redis_client: redis.Redis) -> None:
    """A burst of threads gets the limit and no more."""
    budget = WindowBudget(redis_client, "p")
    results: list[float] = []
    threads = [threading.Thread(target=lambda: results.append(budget.reserve())) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result == 0 for result in results) == 9


def test_header_lowers_its_window(redis_client: redis.Redis) -> None:
    """A server that has less left than we think is believed until its window ends."""
    budget = WindowBudget(redis_client, "p")
    budget.observed(2, 5.0)
    assert granted(budget) == 2
    assert budget.reserve() > 3.0


def test_header_never_raises(redis_client: redis.Redis) -> None:
    """A late, more generous answer of the same window gives nothing back."""
    budget = WindowBudget(redis_client, "p")
    budget.observed(1, 5.0)
    budget.observed(14, 5.0)
    assert granted(budget) == 1


def test_header_of_an_older_window_is_ignored(redis_client: redis.Redis) -> None:
    """An answer that was handled late does not stall the new window."""
    budget = WindowBudget(redis_client, "p")
    budget.observed(14, 5.0)
    budget.observed(0, 2.0)
    assert granted(budget) == 9


def test_header_of_a_new_window_replaces_the_old(redis_client: redis.Redis) -> None:
    """The next window's first answer opens it."""
    budget = WindowBudget(redis_client, "p")
    budget.observed(0, 2.0)
    budget.observed(5, 5.0)
    assert granted(budget) == 5


def test_lowered_window_ends(redis_client: redis.Redis) -> None:
    """After its end a header counts no more."""
    budget = WindowBudget(redis_client, "p")
    budget.observed(0, 0.2)
    assert budget.reserve() > 0
    time.sleep(0.25)
    assert budget.reserve() == 0


def test_acquire_sleeps_a_little_or_parks(redis_client: redis.Redis, slept: Slept) -> None:
    """A short wait is slept through, a long one parks the work; never more than asked for."""
    budget = WindowBudget(redis_client, "p", calls=1, seconds=5.0, share=1.0, sleep=slept)
    budget.acquire()
    with pytest.raises(Park) as caught:
        budget.acquire()
    assert (caught.value.reason, slept.total) == ("quota_used_up", 0.0)
    assert 4.0 < caught.value.seconds <= 5.01
    quick = WindowBudget(redis_client, "q", calls=1, seconds=0.3, share=1.0)
    quick.acquire()
    begun = time.monotonic()
    quick.acquire()
    assert 0.25 < time.monotonic() - begun < 1.5


def test_more_than_a_window_is_a_mistake(redis_client: redis.Redis) -> None:
    """It could never be granted."""
    with pytest.raises(ValueError, match="reserved"):
        WindowBudget(redis_client, "p").reserve(10)


def test_bucket_refills(redis_client: redis.Redis) -> None:
    """The burst is the capacity's share, then tokens come at the refill's."""
    bucket = Bucket(redis_client, "s", capacity=10, refill=20, share=0.5)
    assert [bucket.reserve() == 0 for _ in range(6)] == [True] * 5 + [False]
    time.sleep(0.25)
    assert bucket.reserve(2) == 0


def test_bucket_is_only_lowered(redis_client: redis.Redis) -> None:
    """A server's header takes tokens away and gives none."""
    bucket = Bucket(redis_client, "s", capacity=10, refill=0.01, share=1.0)
    bucket.observed(3, 0.0)
    bucket.observed(9, 0.0)
    assert [bucket.reserve() == 0 for _ in range(4)] == [True] * 3 + [False]


def test_bucket_waits_for_a_reset(redis_client: redis.Redis) -> None:
    """After a 429 for 30 s the first token is there then."""
    bucket = Bucket(redis_client, "s")
    bucket.observed(0, 30.0)
    assert 29.0 < bucket.reserve() <= 30.1


def test_hourly_cap(redis_client: redis.Redis) -> None:
    """A tenth of the hour's calls at once, the rest evenly: never more than the cap in an hour."""
    bucket = Bucket.hourly(redis_client, "i", 3600)
    assert sum(bucket.reserve() == 0 for _ in range(400)) in (360, 361)
    assert 0 < bucket.reserve() <= 1 / 0.9 + 0.01


def test_one_permit_is_kept_for_urgent_work(redis_client: redis.Redis, slept: Slept) -> None:
    """Bulk work leaves one of two; urgent work may take it; then all are taken."""
    permits = Permits(redis_client, "i", sleep=slept)
    with permits.hold():
        with pytest.raises(Park) as caught, permits.hold():
            pass
        assert caught.value.reason == "no_permit"
        with permits.hold(urgent=True):
            assert permits.held() == 2
            with pytest.raises(Park), permits.hold(urgent=True):
                pass
    assert permits.held() == 0
    assert slept.total <= 4.0


def test_a_killed_holders_permit_comes_back(redis_client: redis.Redis, slept: Slept) -> None:
    """A permit that nobody returns ends at its deadline."""
    killed = Permits(redis_client, "i", limit=1, lease_seconds=0.3, sleep=slept)
    forgotten = killed.hold()
    forgotten.__enter__()
    with pytest.raises(Park), Permits(redis_client, "i", limit=1, sleep=slept).hold():
        pass
    time.sleep(0.35)
    with Permits(redis_client, "i", limit=1, sleep=slept).hold():
        assert killed.held() == 1


def test_a_busy_instance_halves_once_per_jam(redis_client: redis.Redis) -> None:
    """Many 429s of one jam halve once; successes bring it back, never above the most."""
    permits = Permits(redis_client, "i", limit=4, most=5)
    for _ in range(5):
        permits.throttled()
    assert permits.limit() == 2.0
    for _ in range(100):
        permits.succeeded()
    assert permits.limit() == 5.0


def test_the_limit_never_falls_below_one(redis_client: redis.Redis) -> None:
    """However busy, one request goes."""
    permits = Permits(redis_client, "i", limit=2)
    for _ in range(3):
        permits.throttled()
        redis_client.hdel("isth:budget:permits:i:adapt", "halved")
    assert permits.limit() == 1.0
    with permits.hold():
        pass


def test_permits_bound_many_threads(redis_client: redis.Redis) -> None:
    """Twelve threads never have more in flight than the limit, and all get through."""
    permits = Permits(redis_client, "i", limit=3, reserved=0)
    lock = threading.Lock()
    state = {"now": 0, "most": 0, "done": 0}

    def work() -> None:
        with permits.hold():
            with lock:
                state["now"] += 1
                state["most"] = max(state["most"], state["now"])
            time.sleep(0.05)
            with lock:
                state["now"] -= 1
                state["done"] += 1

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state == {"now": 0, "most": 3, "done": 12}


def test_hourly_cap_parks_and_returns_the_permit(redis_client: redis.Redis, slept: Slept) -> None:
    """A used-up hour parks the work and blocks nobody's permit."""
    hourly = Bucket.hourly(redis_client, "i", 10)
    permits = Permits(redis_client, "i", hourly=hourly, sleep=slept)
    with ExitStack() as stack:
        stack.enter_context(permits.hold())
    with pytest.raises(Park) as caught, permits.hold():
        pass
    assert caught.value.reason == "rate_used_up"
    assert permits.held() == 0


def test_scripts_stay_small() -> None:
    """Lua of at most 25 lines (design: state in Redis)."""
    folder = resources.files("common.state").joinpath("lua")
    for entry in folder.iterdir():
        if entry.name.startswith("budget"):
            assert len(entry.read_text().splitlines()) <= 25, entry.name
