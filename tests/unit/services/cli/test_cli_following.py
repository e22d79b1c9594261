"""Following runs: who is under way, who refuses, who never begins."""

import threading
import time

from common.messages import StartRun
from common.model.decision import Outcome
from common.operate.progress import progress
from common.state.directory import Directory, RunScope
from common.state.runs import COMPLETE, PARTIAL, Runs, UnitRecord
from common.state.store import Fence, Store
from tests.unit.services.cli.conftest import Cli, Services, begin

OTHER = "r20261123T000000aaaa"


def finish(store: Store, message: StartRun) -> None:
    """A live run that touches nothing and ends complete."""
    runs, fence = begin(store, message)
    runs.end(fence, COMPLETE, {"touched": "0"})


def refuse(store: Store, message: StartRun, reason: str, sentence: str) -> None:
    """A run that the collector does not begin."""
    runs, now = Runs(store, message.connection), str(int(time.time()))
    fields = {"mode": message.mode, "reason": reason, "started": now, "ended": now}
    runs.tell(message.run, reason, sentence)
    runs.annotate(message.run, {**fields, "status": "failed"})


def test_sync_only_asks(cli: Cli, services: Services) -> None:
    """Without --wait the run's id is told and its status is `requested`."""
    told = cli.json("run", "sync", "-c", "c")
    assert (told["status"], told["run"][0], len(told["run"])) == ("requested", "r", 20)
    assert "is asked for" in cli("sync").stdout


def test_refused_sync_says_why(cli: Cli, services: Services) -> None:
    """The collector's own sentence reaches the person; exit code 1."""
    services.play = lambda store, m: refuse(store, m, "paused", "Connection c is paused; resume it.")
    result = cli("sync", "--wait", code=1)
    assert "Connection c is paused; resume it." in result.stderr
    assert cli.json("run", "sync", "--wait", code=1)["reason"] == "paused"
    refused = cli.json("plan", "plan", code=1)["run"]
    assert (refused["status"], refused["events"][0]["reason"]) == ("failed", "paused")
    assert cli.json("plan", "plan", "--no-wait")["todo"] == 0


def test_sync_joins_the_run_under_way(cli: Cli, services: Services, store: Store) -> None:
    """When a live run is current, --wait follows it, says so, and ends with its table."""
    message = StartRun(connection="c", mode="live", run=OTHER, requested_by="scheduler", reason="24h")
    runs, fence = begin(store, message)
    services.play = lambda store, m: refuse(store, m, "already_running", f"Run {OTHER} is under way.")
    threading.Timer(0.5, lambda: runs.end(fence, COMPLETE, {"touched": "0"})).start()
    result = cli("sync", "--wait")
    assert f"Run {OTHER} is under way: following that one." in result.stderr
    assert OTHER in result.stdout


def test_plan_waits_for_the_run_under_way(cli: Cli, services: Services, store: Store) -> None:
    """A plan is asked for again when the other run has ended."""
    message = StartRun(connection="c", mode="live", run=OTHER, requested_by="scheduler", reason="24h")
    runs, fence = begin(store, message)

    def play(store: Store, m: StartRun) -> None:
        if runs.record(OTHER)["status"] == "running":
            refuse(store, m, "already_running", "Another run is under way.")
            runs.end(fence, COMPLETE, {"touched": "0"})
        else:
            mine, its = begin(store, m)
            mine.end(its, "planned", {"touched": "0"})

    services.play = play
    result = cli("plan")
    assert "following that one, then yours begins" in result.stderr
    assert len(services.asked) == 2


def test_nobody_begins(cli: Cli) -> None:
    """Without a collector the wait ends with a sentence that says what to look at."""
    assert "is a collector running?" in cli("plan", "--patience", "1", code=1).stderr


def test_partial_needs_a_person(cli: Cli, services: Services) -> None:
    """A run with a failed unit ends with 3, and its units and scope changes are told."""

    def play(store: Store, message: StartRun) -> None:
        runs, fence = begin(store, message)
        units = [
            UnitRecord("recommendations:a", "done", exact=False),
            UnitRecord("recommendations:b", "failed"),
        ]
        runs.put_units(fence, units)
        scope = RunScope(("a", "b"), ("b",), ("x",), ("recommendations:b",), {"y": "other"})
        Directory(store, "c").put_run_scope(message.run, scope)
        runs.add(message.run, {"servicenow_requests": 3, "defender_requests": 4})
        runs.tell(message.run, "scope_lost", "One subscription is gone.")
        runs.end(fence, PARTIAL, {"touched": "0"})

    services.play = play
    told = cli.json("run", "sync", "--wait", code=3)
    assert told["units"] == {"planned": 2, "done": 1, "failed": 1, "inexact": 1, "reasons": {"": 1}}
    assert told["scope"]["claimed"] == {"y": "other"}
    assert (told["servicenow_requests"], told["defender_requests"]) == (3, 4)
    assert "One subscription is gone. (scope_lost)" in cli("sync", "--wait", code=3).stdout


def test_dead_letter_needs_a_person(cli: Cli, services: Services) -> None:
    """A complete run with a dead letter ends with 3, one with ordinary holds with 0."""
    ends = iter([(Outcome.DEAD, "mandatory"), (Outcome.HELD, "deleted_by_person")])

    def play(store: Store, message: StartRun) -> None:
        runs, fence = begin(store, message)
        runs.outcomes(fence, [(b"12345678", *next(ends))])
        runs.end(fence, COMPLETE, {"touched": "1"})

    services.play = play
    assert cli.json("run", "sync", "--wait", code=3)["groups"]["dead"] == 1
    assert cli.json("run", "sync", "--wait")["groups"]["held"] == 1


def test_stages_of_a_run(store: Store) -> None:
    """The stage follows what stands in the run's record; bars count units and groups."""
    message = StartRun(connection="c", mode="live", run=OTHER, requested_by="ann", reason="")
    assert progress(store, "c", OTHER).stage == "requested"
    runs, fence = begin(store, message)
    seen = [progress(store, "c", OTHER).stage]
    runs.update(fence, {"planned": "1", "units_planned": "1"})
    for state in ("planned", "read", "done"):
        runs.put_units(fence, [UnitRecord("recommendations:a", state)])
        runs.update(fence, {"tickets_read": "1", "tickets_pages": "1", "tickets_done": "1"})
        seen.append(progress(store, "c", OTHER).stage)
    runs.update(fence, {"decided": "1", "touched": "2"})
    runs.outcomes(fence, [(b"12345678", Outcome.CREATED, "new")])
    last = progress(store, "c", OTHER)
    assert [*seen, last.stage] == ["starting", "reading", "mapping", "deciding", "writing"]
    assert [(b.name, b.done, b.total) for b in last.bars][-2:] == [
        ("groups decided", 2, 2),
        ("groups settled", 1, 2),
    ]
    assert Fence(store.epoch(), OTHER) == fence


def test_links_rebuild_reads_all_tickets_again(cli: Cli, services: Services, store: Store) -> None:
    """The rebuilt mark goes, a live run is asked for, and the deed is in the audit."""
    services.play = finish
    cli("sync", "--wait")
    assert cli.json("run", "links", "rebuild", "--wait", "--by", "ann")["status"] == "complete"
    assert [m.mode for m in services.asked] == ["live", "live"]
    assert cli.json("status", "status")["connections"][0]["rebuilt"] is False
    begin(store, StartRun(connection="c", mode="live", run=OTHER, requested_by="x", reason=""))
    assert f"Run {OTHER} is under way" in cli("links", "rebuild", code=1).stderr
