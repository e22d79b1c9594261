"""Two writers on one create, in every order of their steps.

Each claims (and reads what it knows of the group), looks, notes its intent and sends, is committed by the
instance, and links and settles; the second comes by the order when the first one's lease runs out. Between
any two steps Redis may be wiped (the newer incarnation's order comes before its links were rebuilt), a newer
run may start, or the mapper may put a newer order; the answer to either's create may be lost (with a newer
run between, A's only).

Not played, by argument: a sweep apart from the claim that it makes possible (without a lease nobody takes the
order, and the loser's clock tells it at its next look), and B first (the two are alike).
"""

from collections.abc import Sequence
from typing import Any

import pytest
import redis

from common.state import keys
from common.state.runs import Runs
from tests.orders.mapping_world import rules_json
from tests.orders.stepping import Actor, Patches, Snapshot, SteppedStore, chosen, merges
from tests.orders.writing_world import GROUP, Access, World, Writer

STEPS = 5  # claim, look, note and send, commit, link and settle
EVENTS = ("wipe", "newer", "again")
Order = tuple[tuple[str, ...], str]


class Play:
    """Plays orders from the same beginning."""

    def __init__(self, client: redis.Redis, rules: str, patches: Patches | None = None) -> None:
        self._client = client
        self._rules = rules
        self._patches = patches or {}
        beginning = World(client, rules)
        beginning.base()
        self._fence, self._text = beginning.fence, beginning.text
        self._base = Snapshot(client)

    def __call__(self, order: Sequence[str], loser: str = "") -> list[str]:
        """What is wrong after this order; nothing is."""
        self._base.put_back()
        world = World(self._client, self._rules)
        world.fence, world.text = self._fence, self._text
        wrong: list[str] = []
        actors = {name: _Writing(self, world, name, wrong, loses=loser == name) for name in ("A", "B")}
        for place, event in enumerate(order):
            if place == order.index("B"):
                world.sweep()
                actors["A"].expire()
            if event in actors:
                actors[event].actor.step()
            else:
                self._happen(event, world)
        stale = self._outcomes(world) if world.fence.run != "r1" else []
        for one in actors.values():
            one.actor.finish()
        if stale != (self._outcomes(world) if world.fence.run != "r1" else []):
            wrong.append("an outcome of a superseded run")
        world.settle()
        return wrong + world.wrong()

    def store(self, actor: Actor) -> SteppedStore:
        """A writer's store, with a gate before the intent and the link."""
        gates = {("set", keys.named("c", "intents")), ("swap", keys.links("c"))}

        def before(name: str, names: Sequence[bytes]) -> None:
            if (name, names[0]) in gates:
                actor.gate()

        return SteppedStore(self._client, self._patches, before=before)

    @staticmethod
    def _happen(event: str, world: World) -> None:
        if event == "again":
            world.order("Fix it better")
            return
        if event == "wipe":
            world.client.flushall()
        # After a loss the same run may be asked for again: its id is that of its slot.
        world.begin("r1" if event == "wipe" else "r2")
        world.order("Fix it")

    @staticmethod
    def _outcomes(world: World) -> list[str]:
        return Runs(world.store, "c").outcome_of("r1", [GROUP])


class _Writing:
    """One writer as an actor."""

    def __init__(self, play: Play, world: World, name: str, wrong: list[str], *, loses: bool) -> None:
        self._writer: Writer | None = None

        def work(actor: Actor) -> None:
            fences: list[Any] = []

            def gate(where: str) -> None:
                if where == "look":
                    fences.append(world.fence)
                actor.gate()

            def sent() -> None:
                if fences[-1] != world.fence:
                    wrong.append("sent by a superseded run")

            access = Access(world.instance, gate, loses_answer=loses, sent=sent)
            self._writer = Writer(play.store(actor), access)
            self._writer.work(name)

        self.actor = Actor(work)

    def expire(self) -> None:
        if self._writer is not None:
            self._writer.expire()


def every() -> list[Order]:
    """All orders, with and without a lost answer."""
    return [
        *((order, "") for order in merges(STEPS, EVENTS)),
        *((order, "A") for order in merges(STEPS, ("newer",))),
        *((order, "B") for order in merges(STEPS, ())),
    ]


@pytest.fixture
def rules(tmp_path_factory: pytest.TempPathFactory) -> str:
    return rules_json(tmp_path_factory.mktemp("rules"))


@pytest.mark.timeout(900)
def test_a_group_gets_one_ticket_whatever_the_order(redis_client: redis.Redis, rules: str) -> None:
    """One ticket, one link to it, nothing left to do, no order lost, nothing sent by a stale run."""
    play = Play(redis_client, rules)
    wrong = [(order, loser, found) for order, loser in chosen(every()) if (found := play(order, loser))]
    assert wrong == [], f"{len(wrong)} orders, for example {wrong[:3]}"


def test_a_change_is_not_sent_by_a_run_that_was_overtaken(redis_client: redis.Redis, rules: str) -> None:
    """An update without a note leaves no intent; the register is looked at all the same."""
    world = World(redis_client, rules)
    world.base()
    sent: list[str] = []
    quiet = Access(world.instance, lambda _: None, loses_answer=False, sent=lambda: sent.append("create"))
    Writer(world.store, quiet).work("A")
    world.change("Fix it better")

    def overtake(where: str) -> None:
        if where == "look":
            world.begin("r2")

    overtaken = Access(world.instance, overtake, loses_answer=False, sent=lambda: sent.append("change"))
    Writer(world.store, overtaken).work("B")
    assert sent == ["create"]
