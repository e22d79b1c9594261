"""What happens when, made from a seed alone: the same seed gives the same schedule."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.calm import CALMS
from tests.chaos.pace import Pace
from tests.chaos.points import POINTS, Point
from tests.chaos.redis_faults import REDIS_FAULTS
from tests.chaos.strikes import STRIKES
from tests.chaos.weather import WEATHER

_STRIKES = ("SIGKILL", "SIGKILL", "SIGKILL", "SIGTERM", "SIGSTOP", "deploy", "superseded")
_ONCE = ("SIGSTOP", "superseded")  # each keeps an act waiting for longer than a lease


@dataclass(frozen=True, slots=True)
class Blow:
    """`what` befalls whoever comes to `point`, or Redis while he is held there."""

    point: Point
    what: str
    seed: int


@dataclass(frozen=True, slots=True)
class Act:
    """Blows in the order in which a run passes their points; `restore` brings an old dump back at its end."""

    weather: tuple[str, ...]
    blows: tuple[Blow, ...]
    restore: bool
    calms: tuple[str, ...]


def schedule(seed: int, pace: Pace) -> list[Act]:
    """The acts of a seed."""
    rng = random.Random(seed)
    weather = _dealt(rng, tuple(WEATHER), pace.acts * 3)
    calms = _dealt(rng, tuple(CALMS), pace.acts * 2)
    redis = _dealt(rng, tuple(REDIS_FAULTS), pace.acts)
    # One flush in each seed at least, at a place of its own.
    if "Redis flushed" not in redis:
        redis[rng.randrange(1, len(redis))] = "Redis flushed"
    return [
        Act(
            tuple(weather[number * 3 : number * 3 + 3]),
            _blows(rng, redis[number]),
            redis[number] == "Redis restored",
            tuple(calms[number * 2 : number * 2 + 2]),
        )
        for number in range(pace.acts)
    ]


def _blows(rng: random.Random, redis: str) -> tuple[Blow, ...]:
    """One at the reading, two at the deciding, two at the writing; Redis' own at one of these places."""
    points = [
        *rng.sample([point for point in POINTS if point.stage <= 1], 1),
        *rng.sample([point for point in POINTS if 2 <= point.stage <= 5], 2),
        *rng.sample([point for point in POINTS if point.stage >= 6], 2),
    ]
    points.sort(key=lambda point: point.stage)
    blows = [Blow(point, _strike(rng), rng.randrange(1_000_000)) for point in points]
    for at, blow in enumerate(blows):
        if blow.what in _ONCE and any(earlier.what in _ONCE for earlier in blows[:at]):
            blows[at] = Blow(blow.point, "SIGKILL", blow.seed)
    if redis != "Redis restored":
        place = rng.randrange(len(blows))
        blows[place] = Blow(blows[place].point, redis, blows[place].seed)
    return tuple(blows)


def _strike(rng: random.Random) -> str:
    chosen = rng.choice(_STRIKES)
    assert chosen in STRIKES
    return chosen


def _dealt(rng: random.Random, cards: Sequence[str], count: int) -> list[str]:
    """So many cards of a shuffled deck, shuffled again when it is used up."""
    dealt: list[str] = []
    while len(dealt) < count:
        dealt += rng.sample(cards, len(cards))
    return dealt[:count]
