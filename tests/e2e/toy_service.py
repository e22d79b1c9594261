"""A service for the runtime's tests: its task notes in Redis when it began and when it ended."""

import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

import redis

from common.messages import Doorbell, decode
from common.observe import names
from common.observe.metrics import Sample
from common.runtime import queues
from common.runtime.service import Runtime, TaskHandler
from common.runtime.worker import main
from common.settings.settings import Settings


class Toy:
    """Works `slot` seconds per bell; counts in Redis, over a client that waits for Redis to come back."""

    queues = (queues.MAP,)

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    @property
    def tasks(self) -> Mapping[str, TaskHandler]:
        return {queues.MAP: self.work}

    def work(self, payload: dict[str, Any]) -> None:
        bell = decode(Doorbell, payload)
        if bell.connection == "broken":
            raise RuntimeError("a fault of the toy")
        self._client.rpush("began", bell.epoch)
        time.sleep(bell.slot)
        if bell.connection == "silent":
            return
        _patiently(lambda: self._client.rpush("ended", bell.epoch))

    def sweep(self) -> None:
        self._client.incr("sweeps")

    def scrape(self) -> Iterable[Sample]:
        yield Sample(names.HELD, float(self._client.llen("ended")), ("toy",))

    def close(self) -> None:
        _patiently(lambda: self._client.set("closed", b"1"))


def _patiently(call: Any) -> None:
    for _ in range(100):
        try:
            call()
        except redis.RedisError:
            time.sleep(0.2)
        else:
            return


def build(settings: Settings, runtime: Runtime) -> Toy:
    """The toy's composition root."""
    runtime.metrics.count(names.RUNS, "toy", "complete", by=0)
    return Toy(redis.Redis.from_url(settings.redis_state_url.get_secret_value(), socket_timeout=2))


if __name__ == "__main__":
    sys.exit(main("mapper", build))
