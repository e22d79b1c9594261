"""What beat asks for between its slots, over a real Redis."""

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import redis
from pydantic import SecretStr

from common.runtime.celery_app import KEY_PREFIX, build_app
from common.runtime.liveness import Beacon
from common.runtime.queues import COLLECT_POLL
from common.settings.schedule import parse_schedule
from common.settings.settings import Settings
from deploy.dev.redis_process import RedisProcess
from services.scheduler.beat import REPEAT_SECONDS, Beat


def asked(client: redis.Redis) -> list[dict[str, Any]]:
    """The StartRun messages in the queue, the oldest first."""
    packed: Any = client.lrange(f"{KEY_PREFIX}{COLLECT_POLL}", 0, -1)
    bodies = [json.loads(base64.b64decode(json.loads(message)["body"])) for message in reversed(packed)]
    return [arguments[0] for arguments, _, _ in bodies]


def test_a_lost_message_is_sent_again(redis_server: RedisProcess, tmp_path: Path) -> None:
    """The slot's run is asked for every minute by the same id, void once a good run is younger."""
    client = redis.Redis.from_url(redis_server.url(2))
    client.flushdb()
    settings = Settings(
        redis_broker_url=SecretStr(redis_server.url(2)), redis_state_url=SecretStr(redis_server.url(3))
    )
    one: Any = SimpleNamespace(id="c", enabled=True, schedule=parse_schedule("24h"))
    now = 0.0
    beat = Beat(build_app("scheduler", settings), [one], Beacon(tmp_path, "scheduler"), lambda: now)
    beat.tick()
    assert len(asked(client)) == 1
    for second in range(1, int(2 * REPEAT_SECONDS) + 2):
        now = float(second)
        beat.tick()
    _, first, again = asked(client)
    assert first["run"] == again["run"]
    assert first["unless_good_since"] > 0
    client.close()
