"""Units from pages to contributions, on a real Redis."""

from common.identity import unit_key
from common.model.finding import Standing
from common.model.link import Link
from common.state.groups import Groups
from common.state.links import Links
from common.state.store import Fence
from common.state.units import Units
from tests.unit.services.mapper.conftest import Bench, row

RULE = "per-recommendation"


def _groups(bench: Bench, plan: str = "") -> list[bytes]:
    return sorted(Groups(bench.store, "c", plan).dirty(RULE))


def _aggregate(bench: Bench, group: bytes) -> tuple[int, ...]:
    return Groups(bench.store, "c").get_many([group])[0].aggregate.standings


def _link(bench: Bench, fence: Fence, group: bytes) -> None:
    Links(bench.store, "c").replace(fence, {group: (None, Link("incident", "a" * 32, "INC1", 1, 1, RULE))})


def _clean(bench: Bench) -> None:
    Groups(bench.store, "c").clean(Fence(bench.store.epoch()), RULE, _groups(bench))


def test_a_first_unit_is_matched_skipped_and_committed(bench: Bench) -> None:
    """Open findings of a rule make one dirty group; the ledger adds up."""
    fence = bench.start()
    rows = [row(1), row(2), row(3, "rec-b"), row(4, code="Healthy")]
    bench.read(fence, [rows[:2], rows[2:]])
    record = bench.record(fence)
    assert record.state == "done"
    assert (record.read, record.matched, record.skipped) == (4, 2, {"below_threshold": 1, "healthy": 1})
    assert record.exact
    (group,) = _groups(bench)
    assert _aggregate(bench, group)[Standing.OPEN] == 2
    assert Units(bench.store, "c").count(bench.unit) == 4
    assert sorted(Units(bench.store, "c").sample_ids(group, 25)) == sorted(
        str(r["id"]).lower() for r in rows[:2]
    )
    assert "decide" in bench.rung


def test_an_unchanged_unit_touches_nothing(bench: Bench) -> None:
    """A second reading in another order and another letter case makes no group dirty."""
    fence = bench.start()
    bench.read(fence, [[row(1), row(2), row(3, "rec-b")]])
    _clean(bench)
    again = bench.start()
    shouting = [
        {**row(n, r), "id": str(row(n, r)["id"]).upper()}
        for n, r in ((2, "rec-a"), (3, "rec-b"), (1, "rec-a"))
    ]
    bench.read(again, [shouting])
    record = bench.record(again)
    assert (record.read, record.matched, record.skipped, record.exact) == (3, 2, {"below_threshold": 1}, True)
    assert _groups(bench) == []


def test_a_fixed_finding_stays_a_member_of_its_open_ticket(bench: Bench) -> None:
    """Healthy is counted in the group, so that the ticket can say how many are fixed."""
    fence = bench.start()
    bench.read(fence, [[row(1), row(2)]])
    (group,) = _groups(bench)
    _link(bench, fence, group)
    _clean(bench)
    bench.read(bench.start(), [[row(1, code="Healthy"), row(2)]])
    standings = _aggregate(bench, group)
    assert (standings[Standing.OPEN], standings[Standing.HEALTHY]) == (1, 1)
    assert _groups(bench) == [group]


def test_an_absent_finding_is_asked_for_before_anything_is_said_of_it(bench: Bench) -> None:
    """Absence makes it missing and asks for exactly its id; the answer decides."""
    fence = bench.start()
    bench.read(fence, [[row(1), row(2)]])
    (group,) = _groups(bench)
    _link(bench, fence, group)
    second = bench.start()
    bench.read(second, [[row(2)]])
    assert bench.asked(second) == [str(row(1)["id"]).lower()]
    assert bench.record(second).state == "mapped"
    assert bench.queue("confirm").size() == 1
    bench.answer(second, {str(row(1)["id"]): Standing.GONE})
    standings = _aggregate(bench, group)
    assert (standings[Standing.OPEN], standings[Standing.GONE], standings[Standing.MISSING]) == (1, 1, 0)
    third = bench.start()
    bench.read(third, [[row(2)]])
    assert bench.asked(third) == []
    assert _aggregate(bench, group)[Standing.GONE] == 1


def test_a_finding_that_comes_back_counts_again(bench: Bench) -> None:
    """What was gone and is there again is open again, though its row is the same as ever."""
    fence = bench.start()
    bench.read(fence, [[row(1), row(2)]])
    (group,) = _groups(bench)
    _link(bench, fence, group)
    second = bench.start()
    bench.read(second, [[row(2)]])
    bench.answer(second, {str(row(1)["id"]): Standing.GONE})
    bench.read(bench.start(), [[row(1), row(2)]])
    standings = _aggregate(bench, group)
    assert (standings[Standing.OPEN], standings[Standing.GONE]) == (2, 0)


def test_a_unit_whose_totals_disagree_says_nothing_of_absence(bench: Bench) -> None:
    """A row missing across pages is kept as it was; nobody is asked, nothing is resolved."""
    fence = bench.start()
    bench.read(fence, [[row(1), row(2)]])
    (group,) = _groups(bench)
    _link(bench, fence, group)
    _clean(bench)
    second = bench.start()
    bench.read(second, [[row(2)]], total=2)
    record = bench.record(second)
    assert (record.exact, record.reason) == (False, "inexact")
    assert bench.asked(second) == []
    assert _aggregate(bench, group)[Standing.OPEN] == 2
    assert _groups(bench) == []


def test_a_row_that_comes_twice_is_counted_as_repeated(bench: Bench) -> None:
    """Read = matched + skipped + repeated, for new findings and for known ones."""
    fence = bench.start()
    bench.read(fence, [[row(1), row(2)], [row(2)]], total=2)
    record = bench.record(fence)
    assert (record.read, record.matched, record.repeated, record.exact) == (3, 2, 1, True)
    second = bench.start()
    bench.read(second, [[row(1), row(2)], [row(2)]], total=2)
    record = bench.record(second)
    assert (record.read, record.matched, record.repeated, record.exact) == (3, 2, 1, True)


def test_a_malformed_row_keeps_what_was_known(bench: Bench) -> None:
    """A finding whose row can't be read stays as it was, and is counted as malformed."""
    fence = bench.start()
    bench.read(fence, [[row(1), row(2)]])
    (group,) = _groups(bench)
    second = bench.start()
    bench.read(second, [[row(1, code="Sideways"), row(2)]])
    record = bench.record(second)
    assert (record.read, record.matched, record.malformed) == (2, 1, 1)
    assert _aggregate(bench, group)[Standing.OPEN] == 2


def test_a_plan_leaves_no_trace(bench: Bench) -> None:
    """A planned run sees the same groups and writes none of them."""
    fence = bench.start("plan")
    bench.read(fence, [[row(1), row(2)]])
    assert len(_groups(bench, fence.run)) == 1
    assert _groups(bench) == []
    assert Units(bench.store, "c").generation(bench.unit).version == ""
    assert Groups(bench.store, "c").get_many(_groups(bench, fence.run))[0].units == {}


def test_many_findings_spread_over_buckets_and_grow(bench: Bench) -> None:
    """A unit that grows eightfold is rebuilt with more buckets and loses nothing."""
    fence = bench.start()
    bench.read(fence, [[row(n) for n in range(2000)]])
    (group,) = _groups(bench)
    second = bench.start()
    pages = [[row(n) for n in range(start, start + 1000)] for start in range(0, 20_000, 1000)]
    bench.read(second, pages)
    record = bench.record(second)
    assert (record.read, record.matched, record.exact) == (20_000, 20_000, True)
    assert Units(bench.store, "c").count(bench.unit) == 20_000
    assert Units(bench.store, "c").generation(bench.unit).buckets == 8
    assert _aggregate(bench, group)[Standing.OPEN] == 20_000
    assert len(set(Units(bench.store, "c").sample_ids(group, 30_000))) == 20_000


def test_a_first_sync_that_is_larger_than_memory_holds_loses_nothing(bench: Bench) -> None:
    """Records that were set aside count as those in memory; one that comes twice on both sides is seen."""
    fence = bench.start()
    pages = [[row(n) for n in range(start, start + 1000)] for start in range(0, 32_000, 1000)]
    bench.read(fence, [*pages, [row(5)]], total=32_000)
    record = bench.record(fence)
    assert (record.read, record.matched, record.repeated, record.exact) == (32_001, 32_000, 1, True)
    assert Units(bench.store, "c").count(bench.unit) == 32_000
    (group,) = _groups(bench)
    assert _aggregate(bench, group)[Standing.OPEN] == 32_000
    assert len(set(Units(bench.store, "c").sample_ids(group, 40_000))) == 32_000
    assert bench.store.client.keys(f"isth:c:run:{fence.run}:records*") == []


def test_repeating_a_unit_after_a_crash_changes_nothing(bench: Bench) -> None:
    """Contributions are overwritten, not added; a second commit of the same run is refused quietly."""
    fence = bench.start()
    bench.read(fence, [[row(1), row(2)]])
    view = bench.views.current("c")
    record = bench.record(fence)
    bench.finish.finish(view, record)
    (group,) = _groups(bench)
    assert _aggregate(bench, group)[Standing.OPEN] == 2
    assert list(Groups(bench.store, "c").get_many([group])[0].units) == [unit_key(bench.unit)]


def test_after_a_loss_of_redis_fixed_findings_are_evidence_and_no_members(bench: Bench) -> None:
    """A rebuilt ticket counts the same members; what is Healthy in its place only speaks for a fix."""
    fence = bench.start()
    bench.read(fence, [[row(1), row(2, code="Healthy"), row(3, code="Healthy")]])
    (group,) = _groups(bench)
    facts = Groups(bench.store, "c").facts([group])
    bench.store.client.flushall()
    after = bench.start()
    Groups(bench.store, "c").know(facts)
    _link(bench, after, group)
    bench.read(after, [[row(1), row(2, code="Healthy"), row(3, code="Healthy")]])
    aggregate = Groups(bench.store, "c").get_many([group])[0].aggregate
    assert (aggregate.open, aggregate.members, aggregate.known) == (1, 1, 3)
    bench.read(bench.start(), [[row(1), row(2, code="Healthy", resourceName="renamed"), row(3)]])
    aggregate = Groups(bench.store, "c").get_many([group])[0].aggregate
    assert (aggregate.open, aggregate.members, aggregate.known) == (2, 2, 3)


def test_after_an_older_dump_a_fixed_finding_that_it_never_saw_is_evidence(bench: Bench) -> None:
    """Its ticket was found in ServiceNow; the unit is known, the finding is new and Healthy already."""
    fence = bench.start()
    bench.read(fence, [[row(1)]])
    (group,) = _groups(bench)
    _link(bench, fence, group)
    bench.read(bench.start(), [[row(1), row(2, code="Healthy")]])
    aggregate = Groups(bench.store, "c").get_many([group])[0].aggregate
    assert (aggregate.open, aggregate.members, aggregate.known) == (1, 1, 2)
