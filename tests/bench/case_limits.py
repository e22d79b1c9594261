"""Under the limits that the clouds really set: how much of the quota is used, wall time beside its floor."""

import time
from collections.abc import Iterator, Sequence

from tests.bench.case import Case, Goal, number
from tests.bench.measure import CREATE, QUERY, Sampled, Work, requests_of, worked
from tests.bench.rig import Sizes, approved, bench_stack
from tests.stack_rules import PER_RESOURCE, PER_RESOURCE_MODEL, rules_text

QUOTA_SECONDS = 5.0
_QUERIES = 9  # in five seconds: 0.6 of Resource Graph's 15
_ROWS_OF_ONE = 100
_ITEM_SECONDS = 0.09  # mean time that the simulated instance works on a write: 60 to 120 ms
_PERMITS = 1  # two requests in flight, one of them kept for urgent work


def cases(sizes: Sizes) -> Iterator[Case]:
    """A plan over many small subscriptions waits for Azure, a sync of many tickets for ServiceNow."""
    yield _reading(sizes.subscriptions)
    yield _writing(sizes.slow_tickets)


def _reading(subscriptions: int) -> Case:
    with bench_stack(0, limits="realistic") as stack:
        for seed in range(subscriptions):
            stack.azure("add_subscription", findings=_ROWS_OF_ONE, seed=seed)
        with Sampled(lambda: requests_of(stack)[QUERY], 0.05) as sampled:
            work = worked(stack, "plan")
        statuses = stack.simulator.control("GET", "/requests")["statuses"][QUERY]
    queries = work.routes[QUERY]
    floor = (queries - 1) // _QUERIES * QUOTA_SECONDS
    used = round(_share_used(sampled.values, queries), 3)
    goals = (
        Goal("share of the allowed queries used while enough units are left", 0.95, used, "least"),
        _beside_floor(work, floor),
        Goal("queries refused by Azure", 0, statuses.get("429", 0)),
    )
    facts = {
        "subscriptions": subscriptions + 1,
        "queries": queries,
        "allowed_in_5_s": _QUERIES,
        "share_used": used,
        "seconds": round(work.seconds, 2),
        "floor_seconds": floor,
    }
    summary = (
        f"{queries} queries for {subscriptions + 1} subscriptions, {_QUERIES} allowed in 5 s:"
        f" {work.seconds:.1f} s, floor {floor:.0f} s, {used:.1%} of the allowed share used"
    )
    return Case("real limits, reading", summary, facts, goals, facts)


def _share_used(values: Sequence[tuple[float, int]], queries: int) -> float:
    """Queries in all whole windows, but for the last two, over what was allowed in them."""
    before = [at for at, count in values if count == values[0][1]]
    began = max(before)
    windows = max(1, queries // _QUERIES - 2)
    ends = began + windows * QUOTA_SECONDS
    done = max((count for at, count in values if at < ends), default=0) - values[0][1]
    return done / (windows * _QUERIES)


def _writing(findings: int) -> Case:
    rules = rules_text(rules=PER_RESOURCE)
    with bench_stack(findings, limits="realistic", rules=rules, model=PER_RESOURCE_MODEL) as stack:
        approved(stack)
        quota_is_back()
        began = time.monotonic()
        with Sampled(lambda: requests_of(stack)[CREATE], 0.05) as sampled:
            work = worked(stack)
    floor = work.writes * _ITEM_SECONDS / _PERMITS
    before = next((at for at, count in sampled.values if count), began) - began
    facts = {
        "writes": work.writes,
        "requests": work.servicenow,
        "seconds": round(work.seconds, 2),
        "seconds_before_the_first_create": round(before, 2),
        "floor_seconds": round(floor, 2),
        "permits": _PERMITS,
        "seconds_of_an_item": _ITEM_SECONDS,
    }
    summary = (
        f"{work.writes:,} writes of {_ITEM_SECONDS * 1000:.0f} ms with {_PERMITS} permit,"
        f" {work.servicenow} requests: {work.seconds:.1f} s, floor {number(floor)} s"
    )
    return Case("real limits, writing", summary, facts, (_beside_floor(work, floor),), facts)


def quota_is_back() -> None:
    """Wait until what a plan used of Azure's quota is there again."""
    time.sleep(QUOTA_SECONDS)


def _beside_floor(work: Work, floor: float) -> Goal:
    return Goal("wall time over the floor that the limits set", 1.1, round(work.seconds / max(floor, 0.1), 3))
