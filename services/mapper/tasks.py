"""What arrives on the mapper's queue: decode, then one use-case."""

from collections.abc import Callable
from typing import Any, Protocol

from common.messages import Doorbell, decode
from common.runtime.service import TaskHandler

Failure = Callable[[str, str], None]


class Drains(Protocol):
    """The mapper as a task needs it."""

    def answer(self, bell: Doorbell) -> None: ...


def drain(mapper: Drains) -> TaskHandler:
    """Take work of the bell's queue."""

    def handle(payload: dict[str, Any]) -> None:
        mapper.answer(decode(Doorbell, payload))

    return handle
