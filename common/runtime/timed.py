"""Calls from the worker's event loop that survive a lost broker."""

from collections.abc import Callable
from typing import Any

from celery import bootsteps


def timed_step(
    name: str, seconds: float, call: Callable[[], None], begun: Callable[[], None]
) -> type[bootsteps.StartStopStep]:
    """A step of the consumer that calls `begun` at each connection, then `call` again and again.

    A step of the consumer and not of the worker: a lost connection clears all timers of the event loop.
    """

    class Timed(bootsteps.StartStopStep):  # type: ignore[misc] # celery has no types
        requires = frozenset({"celery.worker.consumer.tasks:Tasks"})
        _timer: Any = None

        def start(self, consumer: Any) -> None:
            begun()
            self._timer = consumer.timer.call_repeatedly(seconds, call)

        def stop(self, _: Any) -> None:
            if self._timer:
                self._timer.cancel()

        shutdown = stop

    Timed.name = f"isthmus.{name}"
    return Timed
