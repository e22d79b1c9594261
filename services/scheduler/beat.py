"""Celery beat over the connections' schedules."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from celery.beat import BeatLazyFunc, Scheduler, SchedulingError, Service

from common.errors import Retry
from common.messages import START_RUN
from common.observe.logs import log
from common.runtime import queues
from common.runtime.liveness import Beacon
from common.runtime.post import Post
from common.settings.connection import Connection
from services.scheduler.slots import Slots, again, at_slot, at_start

TICK_SECONDS = 5.0
REPEAT_SECONDS = 60.0


def beat_schedule(
    connections: Sequence[Connection], now: Callable[[], datetime]
) -> dict[str, dict[str, Any]]:
    """Beat's entries: one for each enabled connection; the message is made when the slot comes."""

    def entry(one: Connection) -> dict[str, Any]:
        def message() -> dict[str, Any]:
            return at_slot(one.id, one.schedule, now()).model_dump(mode="json")

        return {
            "task": START_RUN,
            "schedule": Slots(one.schedule, now),
            "args": (BeatLazyFunc(message),),
            "options": {"queue": queues.COLLECT_POLL},
        }

    return {f"sync {one.id}": entry(one) for one in connections if one.enabled}


def make_up(connections: Sequence[Connection], post: Post, now: datetime) -> None:
    """Ask for the runs that may have been missed while no beat ran. Raises Retry when Redis is away."""
    for one in connections:
        if one.enabled:
            post.start_run(at_start(one.id, one.schedule, now))


def repeat(connections: Sequence[Connection], post: Post, now: datetime) -> None:
    """Ask for the runs of the latest slots again. Raises Retry when Redis is away."""
    for one in connections:
        if one.enabled:
            post.start_run(again(one.id, one.schedule, now))


class Beat:
    """Beat as a foreground process: it lives while it ticks."""

    def __init__(
        self,
        app: Celery,
        connections: Sequence[Connection],
        beacon: Beacon,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._clock = clock
        self._repeated = clock()
        self._connections = connections
        self._beacon = beacon
        self._post = Post(app)
        self._made_up = False

    def run(self) -> None:
        """Tick until the process is told to stop (SystemExit or KeyboardInterrupt, raised by a signal)."""
        self._app.conf.beat_schedule = beat_schedule(self._connections, lambda: datetime.now(UTC))
        beat = self

        class Ticking(Scheduler):  # type: ignore[misc] # celery has no types
            def tick(self, *arguments: Any, **named: Any) -> float:
                beat.tick()
                return float(super().tick(*arguments, **named))

            def apply_async(self, *arguments: Any, **named: Any) -> Any:
                try:
                    return super().apply_async(*arguments, **named)
                except SchedulingError:
                    beat.missed()
                    raise

        try:
            Service(self._app, max_interval=TICK_SECONDS, scheduler_cls=Ticking).start()
        finally:
            self._post.close()
            self._beacon.remove()

    def missed(self) -> None:
        """A slot's message could not be sent: make up for it as at a start."""
        self._made_up = False

    def tick(self) -> None:
        """Before each tick of Celery's: say that we live, make up for missed runs once Redis answers.

        A slot's message is sent again from time to time: a collector that was killed may have had it.
        """
        self._beacon.touch()
        if self._made_up and self._clock() - self._repeated < REPEAT_SECONDS:
            return
        try:
            (repeat if self._made_up else make_up)(self._connections, self._post, datetime.now(UTC))
        except Retry as error:
            log("scheduler").warning("broker_away", error=str(error))
            self._beacon.set_ready(False)
            return
        self._repeated = self._clock()
        self._beacon.set_ready(True)
        if not self._made_up:
            log("scheduler").info("ready", connections=len(self._connections))
        self._made_up = True
