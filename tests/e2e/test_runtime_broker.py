"""A real worker process on a real Redis: consuming, malformed messages, a lost broker, a clean stop."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import requests
from pydantic import SecretStr

from common.messages import Doorbell
from common.runtime import probe, queues
from common.runtime.celery_app import build_app
from common.runtime.post import Post
from common.settings.settings import Settings
from deploy.dev.redis_process import RedisProcess
from tests.e2e.worker_process import WorkerProcess, eventually


@pytest.fixture
def worker(own_redis: RedisProcess, tmp_path: Path) -> Iterator[WorkerProcess]:
    process = WorkerProcess(own_redis, tmp_path)
    try:
        assert eventually(process.ready), process.log.read_text()
        yield process
    finally:
        process.kill()


@pytest.fixture
def post(own_redis: RedisProcess) -> Iterator[Post]:
    sender = Post(build_app("test", settings_for(own_redis)))
    yield sender
    sender.close()


@pytest.fixture
def state(own_redis: RedisProcess) -> redis.Redis:
    return redis.Redis.from_url(own_redis.url(1))


def settings_for(server: RedisProcess) -> Settings:
    return Settings(redis_broker_url=SecretStr(server.url(0)), redis_state_url=SecretStr(server.url(1)))


def bell(name: str, seconds: int = 0, connection: str = "c") -> Doorbell:
    return Doorbell(epoch=name, connection=connection, queue="decide", slot=seconds)


def metric(worker: WorkerProcess, line: str) -> bool:
    text = requests.get(f"http://127.0.0.1:{worker.metrics_port}/metrics", timeout=5).text
    return line in text.splitlines()


def test_a_bell_is_heard_and_counted(worker: WorkerProcess, post: Post, state: redis.Redis) -> None:
    """A bell reaches its handler; counters, the scrape from Redis and the sweep show it."""
    post.ring(queues.MAP, bell("one"))
    assert eventually(lambda: state.lrange("ended", 0, -1) == [b"one"]), worker.log.read_text()
    assert eventually(
        lambda: metric(worker, 'isthmus_tasks_total{outcome="done",reason="none",stage="map"} 1.0')
    )
    assert metric(worker, 'isthmus_held{connection="toy"} 1.0')
    assert metric(worker, 'isthmus_workers_consuming{service="mapper"} 1.0')
    assert metric(worker, 'isthmus_workers_consuming{service="collector"} 0.0')
    assert eventually(lambda: int(state.get("sweeps") or 0) >= 3)


def test_nonsense_is_dropped_and_work_goes_on(
    worker: WorkerProcess, own_redis: RedisProcess, post: Post, state: redis.Redis
) -> None:
    """Pickles, unknown versions, no objects, unknown tasks and faults don't stop the worker."""
    app = build_app("test", settings_for(own_redis))
    app.send_task(queues.MAP, args=({"v": 2, "epoch": "x"},), queue=queues.MAP)
    app.send_task(queues.MAP, args=("text", 3), queue=queues.MAP)
    app.send_task(queues.MAP, kwargs={"payload": {}}, queue=queues.MAP)
    app.send_task("no.such.task", args=({},), queue=queues.MAP)
    app.send_task(queues.MAP, args=({},), queue=queues.MAP, serializer="pickle")
    post.ring(queues.MAP, bell("x", connection="broken"))
    post.ring(queues.MAP, bell("after"))
    assert eventually(lambda: state.lrange("ended", 0, -1) == [b"after"]), worker.log.read_text()
    line = 'isthmus_tasks_total{outcome="dropped",reason="malformed_message",stage="map"} 3.0'
    assert metric(worker, line)
    assert metric(worker, 'isthmus_tasks_total{outcome="failed",reason="unexpected",stage="map"} 1.0')
    app.close()


def test_a_restarted_broker_finds_the_worker_alive(
    worker: WorkerProcess, own_redis: RedisProcess, post: Post, state: redis.Redis
) -> None:
    """Redis stops for 3 s under a running task: the task ends, is acknowledged, and the next one runs."""
    post.ring(queues.MAP, bell("long", 5))
    assert eventually(lambda: state.llen("began") == 1)
    own_redis.stop()
    assert eventually(lambda: not worker.ready()), "readiness must fall while the broker is away"
    time.sleep(3)
    own_redis.start()
    assert eventually(lambda: state.lrange("ended", 0, -1) == [b"long"], 30), worker.log.read_text()
    post.ring(queues.MAP, bell("next"))
    assert eventually(lambda: state.lrange("ended", 0, -1) == [b"long", b"next"], 30), worker.log.read_text()
    assert worker.process.poll() is None
    broker = redis.Redis.from_url(own_redis.url(0))
    assert eventually(lambda: broker.hlen("isthmus:unacked") == 0)
    assert eventually(worker.ready)


def test_a_worker_whose_acknowledgements_were_lost_listens_again(
    worker: WorkerProcess, own_redis: RedisProcess, post: Post, state: redis.Redis
) -> None:
    """All threads end their tasks while Redis is away, twice: the next bell is heard, the process lives."""
    for number in range(2):
        for _ in range(2):
            post.ring(queues.MAP, bell("silent", 2, connection="silent"))
        assert eventually(lambda: state.llen("began") == 2), (number, worker.log.read_text()[-3000:])
        own_redis.stop()
        time.sleep(3)
        own_redis.start()
        state.delete("began", "ended")
        post.ring(queues.MAP, bell("next"))
        heard = eventually(lambda: state.lrange("ended", 0, -1) == [b"next"], 40)
        assert heard, (number, worker.log.read_text()[-3000:])
        state.delete("began", "ended")
    back = time.time()
    assert eventually(lambda: (worker.liveness / "mapper.live").stat().st_mtime > back)
    assert worker.process.poll() is None


def test_sigterm_ends_running_work_and_exits_with_0(
    worker: WorkerProcess, post: Post, own_redis: RedisProcess, state: redis.Redis
) -> None:
    """A warm stop finishes what runs, leaves what waits, closes the service and takes the files away."""
    for name in ("a", "b", "waiting"):
        post.ring(queues.MAP, bell(name, 2))
    assert eventually(lambda: state.llen("began") == 2)
    assert worker.terminate() == 0, worker.log.read_text()
    assert sorted(state.lrange("ended", 0, -1)) == [b"a", b"b"]
    assert redis.Redis.from_url(own_redis.url(0)).llen("isthmus:map") == 1
    assert state.get("closed") == b"1"
    assert list(worker.liveness.iterdir()) == []


def test_the_probe_tells_a_hung_worker(worker: WorkerProcess) -> None:
    """The probe passes while the file is young, and fails when it is old or gone."""
    environment = {"ISTHMUS_LIVENESS_DIR": str(worker.liveness), "ISTHMUS_LIVENESS_SECONDS": "60"}
    assert probe.main(["live"], environment) == 0
    assert probe.main(["ready", "mapper"], environment) == 0
    assert probe.main(["live", "collector"], environment) == 1
    old = time.time() - 61
    worker.process.kill()
    worker.process.wait(10)
    os.utime(worker.liveness / "mapper.live", (old, old))
    assert probe.main(["live"], environment) == 1


def test_every_log_line_is_json(worker: WorkerProcess, post: Post, state: redis.Redis) -> None:
    """Away from a terminal each line is one JSON object that names the service."""
    post.ring(queues.MAP, bell("x", connection="broken"))
    assert eventually(lambda: "task_failed" in worker.log.read_text())
    assert worker.terminate() == 0
    lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
    assert {line["service"] for line in lines} == {"mapper"}
    failed = next(line for line in lines if line["event"] == "task_failed")
    assert failed["connection"] == "broken"
    assert "a fault of the toy" in failed["exception"]
