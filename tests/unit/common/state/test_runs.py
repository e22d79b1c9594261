"""Runs, outcomes, links and pages on a real Redis."""

import json

import msgspec
import pytest

from common.errors import Superseded
from common.model.decision import Outcome
from common.model.link import Link
from common.runtime.bells import Bells
from common.state.flow import Flow
from common.state.links import Links
from common.state.pages import Pages
from common.state.plans import PlanLines
from common.state.register import Register
from common.state.runs import COMPLETE, RUNNING, Runs, UnitRecord
from common.state.store import Fence, Store


def _started(store: Store, run: str = "r1") -> tuple[Runs, Fence]:
    runs = Runs(store, "c")
    assert runs.start(store.epoch(), run, 900, {"mode": "live"}) == run
    return runs, Fence(store.epoch(), run)


def test_a_second_run_is_refused_while_the_first_makes_progress(store: Store) -> None:
    """Starting answers the run that is current: doubled beats are harmless."""
    runs, _ = _started(store)
    assert runs.start(store.epoch(), "r2", 900, {}) == "r1"
    assert runs.start(store.epoch(), "r2", 0, {}) == "r2"


def test_a_doubled_start_is_told_from_the_first(store: Store) -> None:
    """Only one of two equal messages begins the run, also where the second looks before the first is done."""
    runs, _ = _started(store)
    assert runs.start(store.epoch(), "r1", 0, {}) == ""
    flow = Flow(store, Bells(store, lambda _lane, _bell: None, 15, 1), window=10, stale_after=0)
    assert flow.start_run("c", store.epoch(), "r1", {"mode": "live"}, "{}") == "r1"
    assert runs.record("r1")["status"] == RUNNING


def test_the_run_that_was_replaced_can_not_write(store: Store) -> None:
    """Units and outcomes of a superseded run are refused."""
    runs, fence = _started(store)
    runs.start(store.epoch(), "r2", 0, {})
    with pytest.raises(Superseded):
        runs.put_units(fence, [UnitRecord("u")])
    with pytest.raises(Superseded):
        runs.outcomes(fence, [(b"g", Outcome.CREATED, "new")])


def test_outcomes_are_counted_once_however_often_they_are_told(store: Store) -> None:
    """A repeated outcome changes nothing; another one takes the first back."""
    runs, fence = _started(store)
    for _ in range(3):
        runs.outcomes(fence, [(b"g1", Outcome.CREATED, "new"), (b"g2", Outcome.HELD, "cap_rule")])
    runs.outcomes(fence, [(b"g2", Outcome.CREATED, "new")])
    assert runs.groups("r1").reasons == {"created:new": 2}
    assert runs.outcome_of("r1", [b"g1", b"g3"]) == ["created:new", ""]


def test_a_run_ends_once(store: Store) -> None:
    """Only one caller closes a run."""
    runs, fence = _started(store)
    assert runs.end(fence, COMPLETE, {})
    assert not runs.end(fence, COMPLETE, {})
    assert runs.record("r1")["status"] == COMPLETE


def test_the_findings_ledger_adds_units_up(store: Store) -> None:
    """Read = matched + skipped + malformed + repeated over all units."""
    runs, fence = _started(store)
    runs.put_units(
        fence,
        [
            UnitRecord("u1", read=10, matched=4, skipped={"healthy": 5}, malformed=1),
            UnitRecord("u2", read=3, matched=1, skipped={"healthy": 1}, repeated=1),
        ],
    )
    ledger = runs.findings("r1")
    assert (ledger.read, ledger.matched, ledger.skipped, ledger.balanced) == (13, 5, {"healthy": 6}, True)
    runs.put_units(fence, [UnitRecord("u2", read=4, matched=1)])
    assert not runs.findings("r1").balanced


def test_a_link_is_replaced_only_when_it_is_the_one_decided_on(store: Store) -> None:
    """Compare and set: the loser is told, and the present link stays."""
    links, fence = Links(store, "c"), Fence(store.epoch())
    first = Link("incident", "a" * 32, "INC1", 1, 1, "rule")
    other = Link("incident", "b" * 32, "INC2", 1, 1, "rule")
    assert links.replace(fence, {b"g": (None, first)}) == set()
    assert links.replace(fence, {b"g": (None, other)}) == {b"g"}
    assert links.get(b"g") == first


def test_a_plans_links_never_become_live(store: Store) -> None:
    """A planned run reads its own links over the live ones."""
    first = Link("incident", "a" * 32, "INC1", 1, 1, "rule")
    plan = Links(store, "c", "r1")
    plan.replace(Fence(store.epoch()), {b"g": (None, first)})
    assert plan.get(b"g") == first
    assert Links(store, "c").get(b"g") is None


def test_a_unit_is_complete_only_with_every_page_and_the_last_known(store: Store) -> None:
    """A missing page or an unknown last one means unknown, never complete."""
    runs, fence = _started(store)
    pages = Pages(store, "c", "r1", "unit", "a1")
    assert not pages.manifest().complete
    pages.put(fence, 0, b"[1]", 1, 3, last=False, flags="")
    pages.put(fence, 2, b"[3]", 1, 3, last=True, flags="")
    assert not pages.manifest().complete
    pages.put(fence, 1, b"[2]", 1, 3, last=False, flags="")
    pages.put(fence, 1, b"[2]", 1, 3, last=False, flags="")
    manifest = pages.manifest()
    assert (manifest.complete, manifest.rows, manifest.first_total) == (True, 3, 3)
    assert list(pages.read(manifest.pages)) == [b"[1]", b"[2]", b"[3]"]
    pages.drop()
    with pytest.raises(KeyError):
        list(pages.read(1))
    assert runs.record("r1")["status"] == "running"


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_rows_are_packed_piece_by_piece_as_they_came(store: Store, count: int) -> None:
    """What is read back is the array of exactly these rows."""
    _, fence = _started(store)
    pages, rows = Pages(store, "c", "r1", "unit", "a1"), [msgspec.Raw(b'{"n": %d}' % n) for n in range(count)]
    pages.put_rows(fence, 0, rows, count, last=True, flags="")
    (page,) = pages.read(1)
    assert msgspec.json.decode(page) == [{"n": n} for n in range(count)]
    assert pages.manifest().rows == count


def test_an_ended_run_keeps_its_counts_and_forgets_its_groups(store: Store) -> None:
    """What a woken worker tells afterwards changes nothing."""
    runs, fence = _started(store)
    runs.outcomes(fence, [(b"g1", Outcome.CREATED, "new"), (b"g2", Outcome.HELD, "cap_rule")])
    assert runs.end(fence, COMPLETE, {})
    runs.outcomes(fence, [(b"g1", Outcome.CREATED, "new"), (b"g2", Outcome.CREATED, "new")])
    assert runs.outcome_of("r1", [b"g1"]) == [""]
    assert runs.groups("r1").reasons == {"created:new": 1, "held:cap_rule": 1}


def test_the_lines_of_a_plan_are_the_same_when_packed(store: Store) -> None:
    """Packed twice, as after a crash, too."""
    lines = PlanLines(store, "c", "r1")
    wanted = {b"%08d" % n: {"rule": "a", "findings": n} for n in range(1200)}
    store.client.hset(lines.key, mapping={group: json.dumps(line) for group, line in wanted.items()})
    assert dict(lines) == wanted
    lines.pack()
    assert dict(lines) == wanted
    assert not store.client.exists(lines.key)


def test_the_last_writes_are_kept_in_batches(store: Store) -> None:
    """At least the last 10,000, in their order; older batches are dropped."""
    register = Register(store, "c")
    for start in range(0, 10_400, 400):
        register.wrote({"n": n} for n in range(start, start + 400))
    assert [one["n"] for one in register.writes()] == list(range(400, 10_400))
    register.wrote([])
    register.wrote([{"n": 10_400}])
    assert len(register.writes()) == 10_001
