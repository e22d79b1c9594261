"""A mapper that dies at any of its commands to Redis, or loses any answer: another one ends its work."""

import contextlib

import pytest
import redis

from common.state.store import Store
from tests.orders.mapping_world import Worker, World, rules_json
from tests.orders.mortal import Life, MortalRedis
from tests.orders.stepping import Killed, Snapshot, SteppedStore

MOST = 400
SCRIPTS = ("put", "settle", "set", "write", "swap", "contribute", "save_ids", "commit_unit", "outcome")


@pytest.mark.parametrize("lost", [False, True], ids=["killed", "answer lost"])
@pytest.mark.parametrize("run", ["r2", "r2 asks"])
def test_a_mapper_may_die_at_any_command(
    redis_client: redis.Redis, tmp_path_factory: pytest.TempPathFactory, run: str, lost: bool
) -> None:
    """Whatever was done of a unit: it is mapped whole, committed, counted and told, and the run goes on."""
    world = World(redis_client, rules_json(tmp_path_factory.mktemp("rules")))
    world.base(run)
    base = Snapshot(redis_client)
    wrong, died = {}, 0
    mortal = MortalRedis(connection_pool=redis_client.connection_pool)
    for commands in range(1, MOST):
        base.put_back()
        mortal.life = Life(commands, lost=lost)
        with contextlib.suppress(Killed, redis.ConnectionError):
            worker = Worker(Store(mortal))
            worker.drain("map")
            world.confirm()
            worker.drain("finish")
        world.settle()
        if found := world.wrong(run):
            wrong[commands] = found
        if mortal.life.left > 0:
            break
        died += 1
    assert wrong == {}
    assert 50 < died < MOST - 1, "it lived through all of them"


@pytest.mark.parametrize("run", ["r2", "r2 asks"])
def test_every_script_may_be_sent_twice(
    redis_client: redis.Redis, tmp_path_factory: pytest.TempPathFactory, run: str
) -> None:
    """The client repeats by itself what it got no answer to."""
    world = World(redis_client, rules_json(tmp_path_factory.mktemp("rules")))
    world.base(run)
    worker = Worker(SteppedStore(redis_client, twice=frozenset(SCRIPTS)))
    worker.drain("map")
    world.confirm()
    worker.drain("finish")
    world.settle()
    assert world.wrong(run) == []
