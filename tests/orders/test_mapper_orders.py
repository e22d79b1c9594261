"""Two mappers on one unit, in every order of their steps.

Each takes four Redis steps that matter (register its mapping, contribute, save the ids, commit) after it
claimed, read and staged; the second comes by the unit when the first one's lease runs out. Between any two
steps a person's closing of the tickets may be taken in, Redis may be wiped, or a newer run may start; the
answer of the first one's commit may be lost, or lost and the commit sent again by the client.

Not played, by argument: the steps of staging, which no other worker sees before it is registered; a sweep
apart from the claim that it makes possible (it moves queue entries, which no other step reads); B first (the
two are alike); a closing once a mapping is registered; a commit that is sent again together with an event
(nobody comes between the two, so it is one commit whose answer is dropped).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from common.state.store import Fence
from tests.orders.mapping_world import Worker, World, changed, rules_json
from tests.orders.stepping import Actor, Patches, Snapshot, SteppedStore, chosen, merges

STEPS = 5  # claim, read and stage, then the four
RAISED, AGAIN = "raised", "sent again"
STEPPED = frozenset({"contribute", "save_ids", "commit_unit"})
Order = tuple[tuple[str, ...], str]


@dataclass
class Played:
    """What came out of one order."""

    commits: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Play:
    """Plays orders from the same beginning."""

    def __init__(self, client: redis.Redis, rules: str, patches: Patches | None = None) -> None:
        self._client = client
        self._patches = patches or {}
        self.world = World(client, rules)
        self.world.base()
        self._base = Snapshot(client)

    def __call__(self, order: Sequence[str], lost: str = "") -> list[str]:
        """What is wrong after this order; nothing is."""
        self._base.put_back()
        played = Played()
        actors = {"A": self._actor(played, lost), "B": self._actor(played, "")}
        newest, fenced = None, None
        for place, event in enumerate(order):
            if place == order.index("B"):
                self.world.sweep()
            if event in actors:
                actors[event].step()
            elif event == "close":
                self.world.close()
            else:
                newest = self._supersede(event)
                fenced = self.world.written()
        for actor in actors.values():
            actor.finish()
        if fenced is not None and (stale := changed(fenced, self.world.written())):
            played.wrong.append(f"written by a superseded run: {stale}")
        self._rest(played, newest)
        return played.wrong

    def _supersede(self, event: str) -> Fence:
        """A newer run, or the same one asked for again after a loss of Redis: its id is that of its slot."""
        if event == "wipe":
            self._client.flushall()
        return self.world.begin("r2" if event == "wipe" else "r3")

    def _rest(self, played: Played, newest: Fence | None) -> None:
        """The newest run is mapped to its end, and judged."""
        if newest is not None:
            played.commits.clear()
            self.world.ring(newest)
        self.world.settle()
        played.wrong += self.world.wrong(newest.run if newest else "r2")
        if sum(played.commits) > 1:
            played.wrong.append("committed more than once")

    def _actor(self, played: Played, lost: str) -> Actor:
        def work(actor: Actor) -> None:
            Worker(_store(self._client, self._patches, actor, played, lost)).drain()

        return Actor(work)


def _store(client: redis.Redis, patches: Patches, actor: Actor, played: Played, lost: str) -> SteppedStore:
    def before(name: str, names: Sequence[bytes]) -> None:
        if name in STEPPED or (name == "swap" and names[0].endswith(b":units")):
            actor.gate()

    def after(name: str, answer: Any) -> None:
        if name == "commit_unit":
            played.commits.append(answer)
            if lost == RAISED:
                raise redis.ConnectionError("the answer is lost")

    return SteppedStore(
        client, patches, before=before, after=after, twice=frozenset({"commit_unit"} if lost == AGAIN else ())
    )


def _matters(order: Sequence[str]) -> bool:
    """A closing moves nothing any more once a mapping is registered."""
    before = order[: order.index("close")] if "close" in order else ()
    return before.count("A") <= 2 and before.count("B") <= 2


def every() -> list[Order]:
    """All orders, with and without a lost answer."""
    return [
        *((order, "") for order in merges(STEPS, ("close", "wipe", "newer")) if _matters(order)),
        *((order, RAISED) for order in merges(STEPS, ("newer",))),
        *((order, AGAIN) for order in merges(STEPS, ())),
    ]


@pytest.fixture
def rules(tmp_path_factory: pytest.TempPathFactory) -> str:
    return rules_json(tmp_path_factory.mktemp("rules"))


@pytest.mark.timeout(900)
def test_a_unit_is_one_runs_whatever_the_order(redis_client: redis.Redis, rules: str) -> None:
    """One run's records whole, contributions that are their fold, one commit, nothing of a stale run."""
    play = Play(redis_client, rules)
    wrong = [(order, lost, found) for order, lost in chosen(every()) if (found := play(order, lost))]
    assert wrong == [], f"{len(wrong)} orders, for example {wrong[:3]}"
