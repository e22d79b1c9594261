"""What a service is to the runtime that runs it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from common.observe.metrics import Metrics, Sample
from common.runtime.alarm import Alarm
from common.runtime.post import Post
from common.settings.settings import Settings

TaskHandler = Callable[[dict[str, Any]], None]


class Service(Protocol):
    """A consumer of queues.

    `queues` are consumed unless the command line names some of them. `tasks` maps a task's name (for a
    bell: the lane's name) to its handler, which decodes the message (common.messages.decode) and calls one
    use-case. Whatever a handler raises is logged and counted, and the message is dropped: the state knows
    what is to be done, and the sweep rings again.
    """

    @property
    def queues(self) -> tuple[str, ...]: ...

    @property
    def tasks(self) -> Mapping[str, TaskHandler]: ...

    def sweep(self) -> None:
        """Called every `sweep_seconds` (with jitter) and at alarms, in a thread of its own."""

    def scrape(self) -> Iterable[Sample]:
        """Values that live in Redis, read when Prometheus asks; must answer within a few seconds."""
        ...

    def close(self) -> None:
        """Called once after the last task has ended."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the runtime gives to a service: its name, the process' metrics, the post, the sweep's alarm."""

    name: str
    metrics: Metrics
    post: Post
    alarm: Alarm = field(default_factory=Alarm)


# A service's composition root, `services.<name>.bootstrap.build`: the only place where clients are built.
Builder = Callable[[Settings, Runtime], Service]
