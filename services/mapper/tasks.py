"""What arrives on the mapper's queue: decode, then one use-case."""

from collections.abc import Callable
from typing import Any, Protocol

from common.messages import Doorbell, decode
from common.runtime.bells import Bells
from common.runtime.service import TaskHandler

Failure = Callable[[str, str], None]


class Drains(Protocol):
    """The mapper as a task needs it."""

    @property
    def connections(self) -> frozenset[str]: ...

    @property
    def bells(self) -> Bells: ...

    def drain(self, connection: str, queue: str) -> None: ...


def drain(mapper: Drains) -> TaskHandler:
    """Take work of the bell's queue."""

    def handle(payload: dict[str, Any]) -> None:
        bell = decode(Doorbell, payload)
        mapper.bells.heard(bell)
        if bell.connection in mapper.connections:
            mapper.drain(bell.connection, bell.queue)

    return handle
