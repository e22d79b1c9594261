"""What arrives on the collector's queues: decode, then one use-case."""

from typing import Any, Protocol

from common.messages import Doorbell, StartRun, decode
from common.runtime.service import TaskHandler


class Works(Protocol):
    """The collector as a task needs it."""

    def answer(self, bell: Doorbell) -> None: ...
    def start(self, message: StartRun) -> None: ...


def bell(collector: Works) -> TaskHandler:
    """Take work of the bell's queue and connection."""

    def handle(payload: dict[str, Any]) -> None:
        collector.answer(decode(Doorbell, payload))

    return handle


def start_run(collector: Works) -> TaskHandler:
    """Begin a run, or tell why not."""

    def handle(payload: dict[str, Any]) -> None:
        collector.start(decode(StartRun, payload))

    return handle
