"""Files that tell a probe whether a process lives and whether it takes work.

Files and not `celery inspect ping`: that costs a whole interpreter, and restarts healthy workers when the
broker is down. The liveness file is touched by the worker's own event loop, which stands still while it
reconnects: the probe's limit (`liveness_seconds`) must lie above any outage of Redis that is to be endured.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import bootsteps

from common.runtime.timed import timed_step

TOUCH_SECONDS = 5.0


class Beacon:
    """`<service>.live` and `<service>.ready` in a directory."""

    def __init__(self, directory: Path, service: str) -> None:
        self.live = directory / f"{service}.live"
        self.ready = directory / f"{service}.ready"

    def touch(self) -> None:
        """Say 'alive now'."""
        self.live.parent.mkdir(parents=True, exist_ok=True)
        self.live.touch()

    def set_ready(self, ready: bool) -> None:
        """Say whether work is taken."""
        if ready:
            self.ready.parent.mkdir(parents=True, exist_ok=True)
            self.ready.touch()
        else:
            self.ready.unlink(missing_ok=True)

    def remove(self) -> None:
        """Take both files away."""
        self.set_ready(False)
        self.live.unlink(missing_ok=True)


def liveness_step(touch: Callable[[], None]) -> type[bootsteps.StartStopStep]:
    """A step of the consumer that calls `touch` from the worker's event loop while it is connected."""
    return timed_step("liveness", TOUCH_SECONDS, touch, touch)


def consuming_step(begun: Callable[[], None], ended: Callable[[], None]) -> type[bootsteps.StartStopStep]:
    """A step of the consumer: `begun` when queues are listened to, `ended` when the broker is lost."""

    class Consuming(bootsteps.StartStopStep):  # type: ignore[misc] # celery has no types
        requires = frozenset({"celery.worker.consumer.tasks:Tasks"})
        name = "isthmus.consuming"

        def start(self, _: Any) -> None:
            begun()

        def stop(self, _: Any) -> None:
            ended()

        shutdown = stop

    return Consuming
