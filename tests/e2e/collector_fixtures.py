"""Fixtures for the collector's end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.dev.redis_process import RedisProcess
from tests.e2e.collector_rig import Rig
from tests.simulator import Simulator


@pytest.fixture(scope="module")
def collector_simulator() -> Iterator[Simulator]:
    """A simulator for all tests of a module."""
    with Simulator(findings=1500) as running:
        yield running


@pytest.fixture
def subscriptions(collector_simulator: Simulator) -> list[str]:
    """Every subscription of the seed's world, in lower case, largest first."""
    collector_simulator.control("POST", "/reset")
    sizes: dict[str, int] = {}
    for finding in collector_simulator.rows("/azure/findings"):
        one = str(finding["id"]).lower().split("/")[2]
        sizes[one] = sizes.get(one, 0) + 1
    return sorted(sizes, key=lambda one: -sizes[one])


@pytest.fixture
def rig(
    own_redis: RedisProcess, collector_simulator: Simulator, subscriptions: list[str], tmp_path: Path
) -> Iterator[Rig]:
    """A rig over an empty Redis; one connection that names all subscriptions."""
    made = Rig(own_redis, collector_simulator, tmp_path, {"subscriptions": subscriptions})
    yield made
    made.close()
