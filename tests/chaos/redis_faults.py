"""What befalls Redis while somebody is held at a point."""

import random
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from common.state import keys
from tests.chaos.healing import Healing
from tests.chaos.pace import Pace
from tests.stack import CONNECTION, Stack

RedisFault = Callable[[Stack, Pace, Healing, random.Random], None]
DUMP = "dump"


def flush(stack: Stack, pace: Pace, healing: Healing, rng: random.Random) -> None:
    """Everything is gone; what hangs on it is the caller's matter."""
    del pace, rng
    stack.flush_redis()
    healing.began("Redis flushed", {}, idle=False)


def restart(stack: Stack, pace: Pace, healing: Healing, rng: random.Random) -> None:
    """Ended in order, or killed, and started again with what it had on disk."""
    del pace
    in_hand = healing.in_hand()
    if rng.random() < 0.5:
        stack.redis_server.stop()
    else:
        stack.redis_server.kill()
    time.sleep(rng.uniform(0, 2))
    stack.redis_server.start()
    healing.began("Redis restarted", in_hand)


def freeze(stack: Stack, pace: Pace, healing: Healing, rng: random.Random) -> None:
    """It answers nobody, and its connections stay open."""
    del rng
    in_hand = healing.in_hand()
    stack.redis_server.send(signal.SIGSTOP)
    time.sleep(pace.freeze)
    stack.redis_server.send(signal.SIGCONT)
    healing.began("Redis frozen", in_hand)


def fill(stack: Stack, pace: Pace, healing: Healing, rng: random.Random) -> None:
    """No write is taken any more, so Celery's workers end again and again, until there is room."""
    del rng
    in_hand = healing.in_hand()
    limit = str(stack.client.config_get("maxmemory")["maxmemory"])
    stack.client.config_set("maxmemory", "1mb")
    time.sleep(min(pace.freeze, 20))
    stack.client.config_set("maxmemory", limit)
    healing.began("Redis full", in_hand)


def keep_dump(stack: Stack) -> None:
    """Remember Redis as it is now, for `restore`."""
    stack.client.bgrewriteaof()
    ends = time.monotonic() + 30
    while stack.client.info("persistence")["aof_rewrite_in_progress"]:
        assert time.monotonic() < ends, "Redis did not rewrite its file"
        time.sleep(0.05)
    time.sleep(1.2)  # appendfsync everysec
    target = stack.directory / DUMP
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(stack.redis_server.directory, target)


def restore(stack: Stack, pace: Pace, healing: Healing, rng: random.Random) -> None:
    """Redis comes back with the dump: the same incarnation, but as it was before many creates."""
    del pace, rng
    directory: Path = stack.redis_server.directory
    in_hand = healing.in_hand()
    stack.redis_server.kill()
    shutil.rmtree(directory)
    shutil.copytree(stack.directory / DUMP, directory)
    stack.redis_server.start()
    healing.began("Redis restored", in_hand, idle=False)


def links(stack: Stack) -> int:
    """How many links Redis holds."""
    return int(stack.client.hlen(keys.links(CONNECTION)))


REDIS_FAULTS: Mapping[str, RedisFault] = {
    "Redis flushed": flush,
    "Redis restarted": restart,
    "Redis frozen": freeze,
    "Redis full": fill,
    "Redis restored": restore,
}
