"""The scheduler as a real process."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from deploy.dev.redis_process import RedisProcess
from tests.e2e.worker_process import ROOT, eventually

CONNECTIONS = """
version: 1
connections:
  - id: one
    azure:
      tenant_id: 11111111-1111-4111-8111-111111111111
      credential: {kind: managed_identity}
    servicenow:
      url: https://instance.example
      user: isthmus
      auth: {kind: client_credentials, client_id: x, client_secret: {env: ELSEWHERE}}
    scope: {management_groups: [root]}
    rules: rules.yaml
    schedule: 0 2 * * *
"""
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(own_redis: RedisProcess, tmp_path: Path) -> Iterator[Start]:
    """Starts a scheduler; several may run."""
    running: list[subprocess.Popen[bytes]] = []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")}
    environment |= {
        "ISTHMUS_REDIS_BROKER_URL": own_redis.url(0),
        "ISTHMUS_REDIS_STATE_URL": own_redis.url(1),
        "ISTHMUS_CONFIG_DIR": str(tmp_path),
        "ISTHMUS_LIVENESS_DIR": str(tmp_path / "live"),
        "ISTHMUS_METRICS_PORT": "0",
        "ISTHMUS_METRICS_HOST": "127.0.0.1",
    }

    def begin() -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "services.scheduler"]
        process = subprocess.Popen(  # noqa: S603 - our own module
            command, cwd=ROOT, env=environment, stderr=subprocess.PIPE
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def test_a_start_asks_for_the_missed_run_and_a_double_asks_for_the_same(
    start: Start, own_redis: RedisProcess, tmp_path: Path
) -> None:
    """Each of two schedulers asks once at its start; both stop cleanly and leave no file behind."""
    (tmp_path / "connections.yaml").write_text(CONNECTIONS)
    broker = redis.Redis.from_url(own_redis.url(0))
    first, second = start(), start()
    assert eventually(lambda: broker.llen("isthmus:collect.poll") == 2)
    assert eventually((tmp_path / "live" / "scheduler.ready").exists)
    messages = [json.loads(raw) for raw in broker.lrange("isthmus:collect.poll", 0, -1)]
    bodies = [json.loads(base64.b64decode(message["body"]))[0][0] for message in messages]
    assert {body["connection"] for body in bodies} == {"one"}
    assert all(body["unless_good_since"] > 0 and body["mode"] == "live" for body in bodies)
    assert len({body["run"] for body in bodies}) <= 2  # one, unless a minute began between the two
    for process in (first, second):
        process.send_signal(signal.SIGTERM)
    assert [process.wait(20) for process in (first, second)] == [0, 0]
    assert list((tmp_path / "live").iterdir()) == []


def test_it_waits_for_redis_and_then_makes_up(start: Start, own_redis: RedisProcess, tmp_path: Path) -> None:
    """Without Redis the scheduler lives, is not ready, and asks as soon as Redis is there."""
    (tmp_path / "connections.yaml").write_text(CONNECTIONS)
    own_redis.stop()
    process = start()
    live, ready = (tmp_path / "live" / f"scheduler.{kind}" for kind in ("live", "ready"))
    assert eventually(live.exists)
    assert not ready.exists()
    own_redis.start()
    assert eventually(ready.exists, 30)
    assert redis.Redis.from_url(own_redis.url(0)).llen("isthmus:collect.poll") == 1
    assert process.poll() is None


def test_every_mistake_is_printed_and_the_exit_code_is_78(start: Start, tmp_path: Path) -> None:
    """A restart does not help here: the exit code says so, and each mistake has its line."""
    (tmp_path / "connections.yaml").write_text(
        CONNECTIONS.replace("0 2 *", "61 2 *").replace("id: one", "id: One")
    )
    process = start()
    _, printed = process.communicate(timeout=20)
    assert process.returncode == 78
    assert b"connections.yaml:4: connections[0].id" in printed
    assert b"connections.yaml:14: connections[0].schedule" in printed
