"""Redis restored from an older dump while everything else went on: the same epoch, older links and outbox."""

import pytest
import redis

from common.state.links import Links
from tests.orders.mapping_world import Worker, rules_json
from tests.orders.mapping_world import World as Unit
from tests.orders.stepping import Actor, Snapshot, SteppedStore
from tests.orders.test_writer_orders import STEPS, Play
from tests.orders.writing_world import GROUP, Access, World, Writer


@pytest.fixture
def rules(tmp_path_factory: pytest.TempPathFactory) -> str:
    return rules_json(tmp_path_factory.mktemp("rules"))


@pytest.mark.parametrize("closed", [False, True], ids=["untouched", "closed by a person"])
@pytest.mark.parametrize("dumped", range(STEPS + 1))
def test_a_create_that_the_dump_does_not_know(
    redis_client: redis.Redis, rules: str, dumped: int, *, closed: bool
) -> None:
    """Whatever was done when the dump was made: one ticket, linked, and a person's closing stays his."""
    play = Play(redis_client, rules)
    world = World(redis_client, rules)
    world.fence, world.text = play._fence, play._text

    def work(actor: Actor) -> None:
        access = Access(world.instance, lambda _: actor.gate(), loses_answer=False, sent=lambda: None)
        Writer(play.store(actor), access).work("A")

    writer = Actor(work)
    for _ in range(dumped):
        writer.step()
    dump = Snapshot(redis_client)
    writer.finish()
    world.settle()
    if closed:
        world.instance.records[0] |= {"state": "7", "active": "false", "sys_updated_by": "abel.tuter"}
    dump.put_back()
    world.settle()
    assert world.wrong() == []
    link = Links(world.store, "c").get(GROUP)
    assert link is not None
    if dumped < STEPS:
        assert (link.state, link.closed_by_person) == (("7", True) if closed else ("1", False))


def test_a_unit_that_the_dump_has_half_mapped(redis_client: redis.Redis, rules: str) -> None:
    """A dump from between any two scripts of a mapping leads to the same generation and contributions."""
    unit = Unit(redis_client, rules)
    unit.base()
    dumps: list[Snapshot] = []
    store = SteppedStore(redis_client, before=lambda _name, _keys: dumps.append(Snapshot(redis_client)))
    Worker(store).drain()
    assert len(dumps) > 5
    for dump in dumps:
        dump.put_back()
        unit.settle()
        assert unit.wrong("r2") == []
