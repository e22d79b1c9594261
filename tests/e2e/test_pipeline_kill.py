"""SIGKILL of any worker in the middle of a sync of 5,000 findings: every ticket right, none twice."""

import random
import time
from collections.abc import Iterator

import pytest

from tests.stack import Stack
from tests.stack_rules import PER_RESOURCE, PER_RESOURCE_MODEL, rules_text
from tests.stack_run import Finished
from tests.stack_running import running

FINDINGS = 5000
CREATE = "servicenow.table.create"


@pytest.fixture
def large(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """5,000 findings and a ticket for each that is open; planned and approved."""
    rules = rules_text(rules=PER_RESOURCE)
    with running(request, findings=FINDINGS, rules=rules, model=PER_RESOURCE_MODEL) as stack:
        stack.approve(stack.plan().run)
        yield stack


def ends_right(stack: Stack, run: str) -> Finished:
    """The run itself ends well, though a worker died in it, and a further sync has nothing to write."""
    finished = stack.finish(run, seconds=90)
    assert finished.status == "complete", finished
    assert finished.balanced, finished
    found = stack.assert_right()
    assert found.attempted > 1000
    assert stack.simulator.ledger()["records"] == found.attempted
    written = stack.writes()
    again = stack.sync()
    assert again.status == "complete", again
    assert stack.writes() == written, again
    return finished


def test_collector_killed_while_it_reads(large: Stack) -> None:
    """Killed with a page read but not kept, then while it reads the worst rows again."""
    page = large.simulator.barrier("arg.query", "after", match="skipToken")
    run = large.ask("live")
    large.simulator.wait_held(page)
    large.kill("collector")
    large.simulator.release(page, drop=True)
    rows = large.simulator.barrier("arg.query", "before", match="id in~", skip=3)
    large.restart("collector")
    large.simulator.wait_held(rows)
    large.kill("collector")
    large.simulator.release(rows, drop=True)
    large.restart("collector")
    ends_right(large, run)


def test_collector_killed_while_it_reads_tickets(large: Stack) -> None:
    """Killed before and after the page of our own tickets, at the beginning of the second sync."""
    ends_right(large, large.ask("live"))
    changed = large.azure("fix", count=40, seed=3)
    for when in ("before", "after"):
        barrier = large.simulator.barrier("servicenow.table.list", when, subject="incident")
        run = large.ask("live")
        large.simulator.wait_held(barrier)
        large.kill("collector")
        large.simulator.release(barrier, drop=True)
        large.restart("collector")
        ends_right(large, run)
    assert len(changed) == 40


@pytest.mark.parametrize("queue", ["map", "decide", "render"])
def test_mapper_killed_at_work(large: Stack, queue: str) -> None:
    """Killed while it compares a unit, decides the groups, or renders them."""
    run = large.ask("live")
    large.wait_leased(queue)
    large.kill("mapper")
    large.restart("mapper")
    ends_right(large, run)


def test_writer_killed_before_and_after_a_commit(large: Stack) -> None:
    """Killed with a batch under way; what was not committed by then is carried out later all the same."""
    before = large.simulator.barrier(CREATE, "before", skip=120)
    run = large.ask("live")
    large.simulator.wait_held(before)
    large.kill("writer")
    after = large.simulator.barrier(CREATE, "after", skip=200)
    large.restart("writer")
    large.simulator.release(before)
    large.simulator.wait_held(after)
    large.kill("writer")
    large.simulator.release(after, drop=True)
    large.restart("writer")
    ends_right(large, run)


def test_every_worker_killed_at_random_moments(large: Stack) -> None:
    """One worker after the other is killed wherever it happens to be."""
    rng = random.Random(20261123)
    run = large.ask("live")
    victims = ["collector", "mapper", "writer"]
    rng.shuffle(victims)
    for victim in victims:
        time.sleep(rng.uniform(0.2, 0.8))
        large.kill(victim)
        large.restart(victim)
    ends_right(large, run)
