"""Fixtures for the writer's end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.dev.redis_process import RedisProcess
from tests.e2e.writer_rig import Rig
from tests.simulator import Simulator


@pytest.fixture(scope="module")
def writer_simulator() -> Iterator[Simulator]:
    """A simulator for all tests of a module."""
    with Simulator(findings=100) as running:
        yield running


@pytest.fixture
def rig(own_redis: RedisProcess, writer_simulator: Simulator, tmp_path: Path) -> Iterator[Rig]:
    """A rig over an empty Redis and the simulator's seed state."""
    writer_simulator.control("POST", "/reset")
    made = Rig(own_redis, writer_simulator, tmp_path)
    yield made
    made.close()
