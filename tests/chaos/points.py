"""Points at which a process is caught in the middle of its work: at the simulator, or on its way to Redis."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.redis_proxy import RedisProxy, When
from tests.stack import Stack


@dataclass(frozen=True, slots=True)
class Point:
    """`stage` orders points as a run passes them; `skip` is how many may pass first, at most."""

    name: str
    stage: int
    who: str
    when: When
    route: str = ""  # of the simulator, else
    script: str = ""  # of Redis
    match: str | None = None
    skip: int = 0

    def __str__(self) -> str:
        return f"{self.when} {self.name}"


def _both(name: str, stage: int, who: str, **where: object) -> list[Point]:
    return [Point(name, stage, who, when, **where) for when in ("before", "after")]  # type: ignore[arg-type] # **where


POINTS: tuple[Point, ...] = (
    *_both("a page of tickets", 0, "collector", route="servicenow.table.list", match="correlation_id"),
    *_both("a page's answer", 1, "collector", route="arg.query", match="assessments", skip=4),
    *_both("a read page", 1, "collector", script="put_page", skip=3),
    *_both("a claim to map", 2, "mapper", script="claim", skip=3),
    *_both("contributions", 2, "mapper", script="contribute", skip=5),
    *_both("a unit's commit", 2, "mapper", script="commit_unit", skip=2),
    *_both("a decision", 3, "mapper", script="outcome"),
    *_both("the worst rows", 4, "collector", route="arg.query", match="id in~", skip=1),
    *_both("rendered orders", 5, "mapper", script="put", skip=1),
    *_both("a look-up", 6, "writer", route="servicenow.table.list", match="_idIN", skip=1),
    *_both("a batch", 6, "writer", route="servicenow.batch", skip=1),
    *_both("a create", 6, "writer", route="servicenow.table.create", skip=12),
    *_both("a PATCH with a note", 6, "writer", route="servicenow.table.update", match="work_notes", skip=2),
    *_both("links", 7, "writer", script="swap", skip=1),
    *_both("a settled batch", 7, "writer", script="settle", skip=1),
)


class Caught(Protocol):
    """Something that may be held at a point."""

    def wait(self, seconds: float) -> str:
        """The name of the service that is held, "" when none came."""

    def release(self, *, drop: bool) -> None:
        """Let it go on, or, of a request, cut it off; safe when nothing is held."""


def arm(stack: Stack, point: Point, rng: random.Random) -> Caught:
    """Hold the next process that comes to the point, or one of the next."""
    skip = rng.randint(0, point.skip)
    if point.route:
        barrier = stack.simulator.barrier(point.route, point.when, match=point.match, skip=skip)
        return _AtSimulator(stack, barrier)
    assert stack.proxy is not None
    return _AtRedis(stack.proxy, point, skip)


class _AtRedis:
    def __init__(self, proxy: RedisProxy, point: Point, skip: int) -> None:
        self._proxy = proxy
        self._hold = proxy.hold(point.script, point.when, point.who, skip)

    def wait(self, seconds: float) -> str:
        return self._hold.holder if self._hold.caught.wait(seconds) else ""

    def release(self, *, drop: bool) -> None:  # noqa: ARG002 - a dead process' call is carried out or not by `when`
        self._proxy.release(self._hold)


class _AtSimulator:
    def __init__(self, stack: Stack, barrier: str) -> None:
        self._stack = stack
        self._barrier = barrier

    def wait(self, seconds: float) -> str:
        view = self._stack.simulator.control("GET", f"/barriers/{self._barrier}?wait={seconds}&held=1")
        pids = {name: service.pid for name, service in self._stack.services.items()}
        ports = [about["port"] for about in view["waiting"]]
        return process_with_port(ports[0], pids) if ports else ""

    def release(self, *, drop: bool) -> None:
        self._stack.simulator.release(self._barrier, drop=drop)
        self._stack.simulator.call("DELETE", f"/barriers/{self._barrier}")


def process_with_port(port: int, pids: Mapping[str, int]) -> str:
    """The process that has a TCP connection from this local port (Linux); "" when there is none."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].partition(":")[2], 16) == port:
            inodes.add(f"socket:[{fields[9]}]")
    for name, pid in pids.items():
        for entry in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                if str(entry.readlink()) in inodes:
                    return name
            except OSError:
                continue
    return ""
