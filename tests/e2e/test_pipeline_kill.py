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
