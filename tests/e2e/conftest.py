"""What the end-to-end tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.dev.redis_process import RedisProcess


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    """A Redis that the test may stop and start."""
    server = RedisProcess(tmp_path / "redis")
    server.start()
    yield server
    server.stop()
