"""First sync, unchanged, one per cent changed: CPU beside the bare loop, Redis' memory by finding."""

from collections.abc import Iterator
from dataclasses import replace

from common.state.directory import subscription_of
from tests.bench.bare_loop import bare_loop
from tests.bench.case import Case, Goal, listed, number
from tests.bench.measure import Sampled, Work, redis_dataset, worked
from tests.bench.redis_families import bytes_by_family
from tests.bench.rig import Sizes, approved, bench_stack
from tests.stack import Stack


def cases(sizes: Sizes) -> Iterator[Case]:
    """All on one stack, without limits."""
    findings = sizes.sync
    with bench_stack(findings) as stack:
        empty = redis_dataset(stack)
        approved(stack)
        with Sampled(lambda: redis_dataset(stack), 0.02) as sampled:
            first = worked(stack)
        peak = max(value for _, value in sampled.values)
        yield _first(first, findings)
        worked(stack)
        yield _unchanged(stack, worked(stack), findings)
        rest = redis_dataset(stack)
        yield _redis(stack, findings, (peak - empty, rest - empty))
        for op, seed in (("fix", 1), ("unfix", 2)):
            stack.azure(op, share=0.005, seed=seed)
        yield _case("one per cent changed", worked(stack), findings)


def _case(name: str, work: Work, findings: int, *goals: Goal, **more: object) -> Case:
    cpu = work.cpu_per_million(findings)
    whole = round(sum(cpu.values()), 1)
    rate = round(findings / work.seconds)
    facts = {
        "findings": findings,
        "seconds": round(work.seconds, 2),
        "findings_per_second": rate,
        "cpu_seconds_per_million": cpu,
        "cpu_seconds_per_million_all": whole,
        "servicenow_writes": work.writes,
        "servicenow_requests": work.servicenow,
        "defender_requests": work.azure,
        **more,
    }
    summary = (
        f"{work.seconds:.2f} s, {rate:,} findings/s, {work.writes:,} writes, {work.servicenow:,} requests to"
        f" ServiceNow, {work.azure:,} to Azure; CPU-s per million {number(whole)}: {listed(cpu)}"
    )
    return Case(name, summary, facts, goals, {"cpu_seconds_per_million": cpu})


def _first(work: Work, findings: int) -> Case:
    each = round(work.cpu["writer"] / max(work.writes, 1) * 1000, 2)
    goal = Goal("writer's CPU-ms for a batched written ticket", 1.5, each)
    return _case("first sync", work, findings, goal)


def _unchanged(stack: Stack, work: Work, findings: int) -> Case:
    units = stack.runs().units(work.finished.run)
    bare = round(bare_loop(stack.simulator.ready, [subscription_of(one.unit) for one in units]), 1)
    whole = round(sum(work.cpu_per_million(findings).values()), 1)
    ratio = round(whole / bare, 1)
    goals = (
        Goal("CPU-seconds per million over all services", 20, whole),
        Goal("writes", 0, work.writes),
    )
    case = _case(
        "unchanged, third sync",
        work,
        findings,
        *goals,
        bare_loop_cpu_seconds_per_million=bare,
        ratio_to_bare_loop=ratio,
    )
    summary = f"{case.summary}; the bare loop takes {number(bare)}: {number(ratio)} times"
    return replace(case, summary=summary, bound={**case.bound, "bare loop": bare})


def _redis(stack: Stack, findings: int, measured: tuple[int, int]) -> Case:
    """Data in Redis beyond an empty stack's: most during the first sync, and after the third."""
    peak, rest = (round(value / findings, 1) for value in measured)
    families = {
        name: round(size / findings, 1)
        for name, size in bytes_by_family(stack.client).items()
        if size / findings >= 0.1
    }
    facts = {
        "findings": findings,
        "bytes_per_finding_peak": peak,
        "bytes_per_finding_at_rest": rest,
        "bytes_per_finding_by_family": families,
    }
    goals = (Goal("Redis' bytes per finding at rest", 90, rest), Goal("at the peak", 130, peak))
    summary = (
        f"{number(rest)} bytes per finding at rest, {number(peak)} at the peak; at rest {listed(families)}"
    )
    return Case("redis", summary, facts, goals, {"bytes_per_finding": families})
