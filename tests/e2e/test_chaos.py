"""Each point and each fault by itself, then a seed that mixes them; with real leases in full."""

import os
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.chaos.__main__ import WORKERS, chaos
from tests.chaos.pace import FULL, SHORT
from tests.chaos.play import Play
from tests.chaos.points import POINTS, Point
from tests.chaos.redis_faults import REDIS_FAULTS
from tests.chaos.rules import MODEL, RULES
from tests.chaos.schedule import Act, Blow, schedule
from tests.chaos.strikes import STRIKES
from tests.chaos.weather import WEATHER
from tests.stack import Stack
from tests.stack_rules import PER_RESOURCE, PER_RESOURCE_MODEL, rules_text

pytestmark = pytest.mark.timeout(900)
WHOLE = os.environ.get("ISTHMUS_CHAOS") == "full"
PACE = replace(FULL if WHOLE else SHORT, findings=1000)
NAMED = {str(point): point for point in POINTS}
# In the short form: what each service commits, from both sides; of the rest one side.
COMMITS = ("a read page", "a unit's commit", "a batch", "a create", "a PATCH with a note")
SHOWN = [name for name, point in NAMED.items() if WHOLE or point.name in COMMITS or point.when == "before"]
BATCH, COMMIT = NAMED["before a batch"], NAMED["after a unit's commit"]
FLUSHED_AT = (
    "after a read page",
    "before a unit's commit",
    "after a decision",
    "after a create",
    "before links",
)


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """One stack for all of these tests: each ends at rest, with every ticket right."""
    with (
        Stack(
            findings=PACE.findings,
            rules=RULES,
            model=MODEL,
            workers=WORKERS,
            settings=PACE.settings,
            proxied=True,
        ) as stack,
        Play(stack, PACE, 1) as one,
    ):
        yield one


def struck(play: Play, point: Point, what: str) -> None:
    """It was struck there, and all is right afterwards."""
    assert play.blow(Blow(replace(point, skip=0), what, random.Random(str(point)).randrange(1000)))
    right(play)


def right(play: Play) -> None:
    found = play.quiet()
    assert found.right, str(found)
    assert found.attempted > 100


@pytest.mark.parametrize("name", SHOWN)
def test_killed_at(play: Play, name: str) -> None:
    """SIGKILL at every point that a worker passes."""
    struck(play, NAMED[name], "SIGKILL")


@pytest.mark.parametrize("what", [name for name in STRIKES if name != "SIGKILL"])
@pytest.mark.parametrize("point", [COMMIT, BATCH], ids=str)
def test_struck(play: Play, what: str, point: Point) -> None:
    """Ended, stopped for longer than a lease, replaced, or superseded in the middle of its work."""
    struck(play, point, what)


@pytest.mark.parametrize("name", FLUSHED_AT)
def test_redis_flushed_in_the_middle(play: Play, name: str) -> None:
    """At five points of a run; creates then wait for the operator."""
    struck(play, NAMED[name], "Redis flushed")


@pytest.mark.parametrize(
    "what", [name for name in REDIS_FAULTS if name not in ("Redis flushed", "Redis restored")]
)
def test_redis_away(play: Play, what: str) -> None:
    """Restarted, frozen, full: every service comes back by itself."""
    struck(play, BATCH, what)


def test_redis_restored(play: Play) -> None:
    """An older dump comes back, the same incarnation as before many creates."""
    play.act(Act((), (), restore=True, calms=()))
    right(play)


def test_redis_restored_from_before_two_thousand_creates() -> None:
    """A ticket for each finding: the dump knows the first few of them, and none is made twice."""
    pace = replace(PACE, findings=4600)
    with (
        Stack(
            findings=pace.findings,
            rules=rules_text(rules=PER_RESOURCE),
            model=PER_RESOURCE_MODEL,
            workers=WORKERS,
            settings=pace.settings,
            proxied=True,
        ) as stack,
        Play(stack, pace, 1) as play,
    ):
        play.act(Act((), (), restore=True, calms=()))
        assert stack.simulator.ledger()["records"] > 2100
        right(play)


@pytest.mark.parametrize("name", WEATHER)
def test_bad_weather(play: Play, name: str) -> None:
    """Lost answers, batches cut, sys_ids ignored, rows that come twice."""
    play.act(Act((name,), (), restore=False, calms=()))
    right(play)


def test_a_seed_replays_its_schedule() -> None:
    """The same seed deals the same acts, another one others."""
    assert schedule(7, SHORT) == schedule(7, SHORT) != schedule(8, SHORT)


def test_a_seed() -> None:
    """All of it mixed."""
    found, lines = chaos(1, SHORT)
    assert found.right, "\n".join([*lines, found.line()])
