"""A lost acknowledgement must not leave a worker deaf.

A worker takes no further message while as many are unacknowledged as it has threads. When Redis goes away
just as a task ends, Celery logs "Couldn't ack" and never counts the message as done: with one thread the
worker listens to nobody any more, while its event loop, and so its liveness file, goes on. Here it connects
anew.
"""

import threading

import redis
from celery import bootsteps
from celery.worker.request import Request

from common.runtime.timed import timed_step

_LOOK_SECONDS = 1.0


class LostAcks:
    """Requests tell of an acknowledgement that failed, and the worker's event loop reacts."""

    def __init__(self) -> None:
        self._lost = threading.Event()

    def request(self) -> type[Request]:
        """The request class of tasks."""
        lost = self._lost

        class Acknowledged(Request):  # type: ignore[misc] # celery has no types
            def acknowledge(self) -> None:
                super().acknowledge()
                if not self.message.acknowledged:
                    lost.set()

        return Acknowledged

    def step(self) -> type[bootsteps.StartStopStep]:
        """A step of the consumer whose timer begins the connection anew."""
        lost = self._lost

        def look() -> None:
            if lost.is_set():
                # The hub lets connection errors through; the consumer answers them by reconnecting.
                raise redis.ConnectionError("an acknowledgement was lost")

        return timed_step("reconnect", _LOOK_SECONDS, look, lost.clear)
