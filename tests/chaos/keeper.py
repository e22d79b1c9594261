"""What an orchestrator does: a service that ended is started again, after 0.5 s and then longer."""

import threading
import time
from dataclasses import dataclass

from tests.stack import Stack

_SHORTEST, _LONGEST = 0.5, 8.0
_STABLE = 20.0  # a life this long ends the backoff


@dataclass(slots=True)
class _Life:
    """`due` is 0 while the service runs."""

    wait: float = _SHORTEST
    began: float = 0.0
    due: float = 0.0


class Keeper:
    """Watches a stack's services from `start` to `stop`."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._lives = {name: _Life() for name in stack.services}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            for name, life in self._lives.items():
                if not self._stack.services[name].alive:
                    self._tend(name, life, time.monotonic())

    def _tend(self, name: str, life: _Life, now: float) -> None:
        if not life.due:
            lived = now - life.began
            life.wait = _SHORTEST if lived > _STABLE else min(_LONGEST, life.wait * 2)
            life.due = now + life.wait
        elif now >= life.due:
            life.due, life.began = 0.0, now
            self._stack.services[name].start()
