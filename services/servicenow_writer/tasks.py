"""What arrives on the writer's queues: decode, then one use-case."""

from collections.abc import Mapping
from typing import Any, Protocol

from common.messages import Doorbell, decode
from common.runtime.bells import Bells
from common.runtime.service import TaskHandler
from common.settings.connection import Connection


class Drains(Protocol):
    """The writer as a task needs it."""

    connections: Mapping[str, Connection]
    bells: Bells

    def drain(self, connection: str) -> None: ...


def write(writer: Drains) -> TaskHandler:
    """Take orders of the bell's connection."""

    def handle(payload: dict[str, Any]) -> None:
        bell = decode(Doorbell, payload)
        writer.bells.answered(bell)
        if bell.connection in writer.connections:
            writer.drain(bell.connection)

    return handle
