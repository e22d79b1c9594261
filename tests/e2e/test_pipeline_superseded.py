"""A run that sleeps beyond every lease and wakes when another one took its place: it writes nothing."""

import time
from collections.abc import Iterator

import pytest

from common.model.decision import Outcome
from common.state import keys
from common.state.queue import WorkQueue
from tests.stack import CONNECTION, Stack
from tests.stack_rules import PER_RESOURCE, PER_RESOURCE_MODEL, rules_text
from tests.stack_running import running

LEASE_SECONDS = 2.0


@pytest.fixture
def approved(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A ticket for each of some hundred open findings; planned and approved, nothing written yet."""
    rules = rules_text(rules=PER_RESOURCE)
    with running(request, findings=800, rules=rules, model=PER_RESOURCE_MODEL) as stack:
        stack.approve(stack.plan().run)
        yield stack


def _freeze_collector(stack: Stack) -> str:
    """With rows under way, for tickets that are to be rendered, that never come."""
    rows = stack.simulator.barrier("arg.query", "after", match="id in~", skip=1)
    run = stack.ask("live")
    stack.simulator.wait_held(rows)
    stack.pause("collector")
    stack.simulator.release(rows, drop=True)
    return run


def _freeze_mapper(stack: Stack) -> str:
    """With groups that it is about to render."""
    run = stack.ask("live")
    queue = WorkQueue(stack.store, CONNECTION, "render")
    while True:
        stack.wait_leased("render")
        stack.pause("mapper")
        if queue.depth().leased:
            return run
        stack.cont("mapper")


def _freeze_writer(stack: Stack) -> str:
    """With a batch under way that never arrives."""
    batch = stack.simulator.barrier("servicenow.table.create", "before", skip=60)
    run = stack.ask("live")
    stack.simulator.wait_held(batch)
    stack.pause("writer")
    stack.simulator.release(batch, drop=True)
    return run


def _supersede(stack: Stack) -> str:
    """Let the present run look as if it stood still for long, and start another; its id."""
    ends = time.monotonic() + 40
    while time.monotonic() < ends:
        stack.client.hset(keys.connection(CONNECTION), "progress", "0")
        run = stack.ask("live")
        while not stack.runs().record(run) and time.monotonic() < ends:
            time.sleep(0.05)
        if stack.current() == run:
            return run
    raise AssertionError(f"no second run could start\n{stack.state(stack.current())}")


def _second(stack: Stack, service: str) -> str:
    """Start a second run and another worker in the frozen one's place, which must not end the first run."""
    if service != "collector":
        run = _supersede(stack)
        stack.add(f"{service}-2")
        return run
    stack.pause("mapper")
    stack.add("collector-2")  # only a collector starts runs
    run = _supersede(stack)
    stack.cont("mapper")
    return run


FREEZE = {"collector": _freeze_collector, "mapper": _freeze_mapper, "writer": _freeze_writer}


@pytest.mark.parametrize("service", FREEZE)
def test_a_run_that_wakes_after_another_began_writes_nothing(approved: Stack, service: str) -> None:
    """Frozen in mid-work for longer than its lease, and woken when the second run is over."""
    stack = approved
    first = FREEZE[service](stack)
    time.sleep(LEASE_SECONDS + 1)
    second = stack.finish(_second(stack, service))
    assert second.status == "complete", second
    assert second.balanced, second
    assert stack.runs().record(first)["status"] == "superseded"
    found = stack.assert_right()
    assert stack.simulator.ledger()["records"] == found.attempted
    written, outcomes = stack.writes(), stack.runs().groups(first)

    stack.cont(service)
    stack.kill(f"{service}-2")
    time.sleep(1)
    assert stack.writes() == written
    third = stack.sync()  # by the woken one alone
    assert stack.runs().groups(first) == outcomes
    assert third.status == "complete", third
    assert third.count(Outcome.CREATED) == third.count(Outcome.UPDATED) == 0, third
    assert stack.writes() == written
    stack.assert_right()
