"""A real Redis for tests: one server a session, flushed for each test that asks for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from common.state.store import Store
from deploy.dev.redis_process import RedisProcess


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A running Redis, stopped at the end."""
    server = RedisProcess(Path(tmp_path_factory.mktemp("redis")))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_client(redis_server: RedisProcess) -> Iterator[redis.Redis]:
    """A client of an empty Redis."""
    client = redis.Redis.from_url(redis_server.url(1))
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    """A store over an empty Redis."""
    return Store(redis_client)
