"""Two schedulers: one run per slot, and what it creates is there once."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest

from common.model.decision import Outcome
from tests.stack import Configuration, Stack
from tests.stack_running import running

EVERY_MINUTE = "* * * * *"


def _scheduled(connections: Configuration, _ready: Mapping[str, str]) -> None:
    connections[0]["schedule"] = EVERY_MINUTE


@pytest.fixture
def live(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A connection that is due every minute; no scheduler runs yet."""
    with running(request, configure=_scheduled) as stack:
        stack.go_live()
        stack.assert_right()
        yield stack


@pytest.mark.timeout(200)
def test_a_doubled_beat_starts_one_run_per_slot(live: Stack) -> None:
    """Both ask at their start and at the next full minute: one run each time, and nothing is doubled."""
    live.azure("new_finding", count=60, seed=3)
    before, written = set(live.runs().latest(100)), live.writes()
    began = datetime.now(UTC)
    for name in ("scheduler", "scheduler-2"):
        live.add(name)
    ends = time.monotonic() + 90
    while not (slots := _records(live, before, f"schedule {EVERY_MINUTE}")):
        assert time.monotonic() < ends, _records(live, before, "")
        time.sleep(0.2)
    time.sleep(2)  # the second beat's message for the same slot
    slots = _records(live, before, f"schedule {EVERY_MINUTE}")
    for run in _records(live, before, ""):
        live.finish(run)

    minutes = {record["started"][:-1] for record in slots.values()}
    assert len(slots) == len(minutes) <= 1 + (datetime.now(UTC) - began).seconds // 60
    assert all(record["requested_by"] == "scheduler" for record in slots.values())
    assert len(_records(live, before, f"missed schedule {EVERY_MINUTE}")) <= 1
    ended = [live.finished(run) for run in _records(live, before, "")]
    told = sum(run.count(Outcome.CREATED) + run.count(Outcome.UPDATED) for run in ended)
    assert live.writes() - written == told > 0
    live.assert_right()


def _records(live: Stack, before: set[str], why: str) -> dict[str, dict[str, str]]:
    """Runs since, by id, that were asked for with this reason."""
    runs = live.runs()
    found = {run: runs.record(run) for run in runs.latest(100) if run not in before}
    return {run: record for run, record in found.items() if record.get("why", "") == why or not why}
