"""The workers' memory: against the size of one unit, and with pages as large as Resource Graph gives them."""

from collections.abc import Iterator

import requests

from tests.bench.bare_loop import page_of, signed_in
from tests.bench.case import Case, Goal, listed, number
from tests.bench.measure import peak_rss, worked
from tests.bench.rig import Sizes, approved, bench_stack
from tests.stack import SERVICES, Stack

_PAGE_BYTES = 16_000_000
_PAGE_ROWS = 1000
_ONE_PAGE_AT_ONCE = {**SERVICES, "collector": ("collector", ("--concurrency", "1"))}


def cases(sizes: Sizes) -> Iterator[Case]:
    """Each size on processes of its own: a first sync and an unchanged one."""
    yield _units(sizes)
    yield _large_pages(sizes)


def _units(sizes: Sizes) -> Case:
    small, large = (_peak_of_unit(rows) for rows in (sizes.small_unit, sizes.large_unit))
    ratios = {name: round(large[name] / small[name], 2) for name in large}
    facts = {
        "findings_in_one_unit": [sizes.small_unit, sizes.large_unit],
        "peak_rss_mb": {name: [small[name], large[name]] for name in large},
        "ratio": ratios,
    }
    summary = (
        f"peak of a unit of {sizes.small_unit:,}: {listed(small, ' MB')}; of {sizes.large_unit:,}:"
        f" {listed(large, ' MB')}"
    )
    goal = Goal("largest ratio of a worker's peak memory", 1.2, max(ratios.values()))
    more = (sizes.large_unit - sizes.small_unit) / 2**20
    growth = {name: round((large[name] - small[name]) / more) for name in large}
    bound = {"ratio": ratios, "bytes for each finding more": growth}
    return Case("memory by size of a unit", summary, facts, (goal,), bound)


def _peak_of_unit(rows: int) -> dict[str, float]:
    with bench_stack(0) as stack:
        return _peak(stack, rows)


def _peak(stack: Stack, rows: int) -> dict[str, float]:
    stack.azure("add_subscription", findings=rows)
    approved(stack)
    for _ in range(2):
        assert worked(stack).finished.findings.read == rows
    return peak_rss(stack)


def _large_pages(sizes: Sizes) -> Case:
    """Rows padded to pages of 16 MB; one collector thread, so that one page is in flight in a process."""
    with bench_stack(0, services=_ONE_PAGE_AT_ONCE) as stack:
        stack.modes(row_padding=_PAGE_BYTES // _PAGE_ROWS - 700)  # what a row has without
        idle = peak_rss(stack)
        peak = _peak(stack, sizes.wide_rows)
        size = _page_bytes(stack)
    facts = {"findings": sizes.wide_rows, "page_bytes": size, "peak_rss_mb": peak}
    summary = f"pages of {number(size / 1e6)} MB, peak {listed(peak, ' MB')}"
    goal = Goal("largest peak of a worker in MB", 150, max(peak.values()))
    pages = {name: round((peak[name] - idle[name]) * 2**20 / size, 1) for name in peak}
    bound = {"MB before any page": idle, "pages' worth above that": pages}
    return Case("memory with large pages", summary, facts, (goal,), bound)


def _page_bytes(stack: Stack) -> int:
    ready, subscription = stack.simulator.ready, stack.rows()[0]["subscription"]
    with requests.Session() as session:
        signed_in(session, ready)
        return len(page_of(session, ready, subscription))
