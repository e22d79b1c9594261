"""What a run cost: seconds, CPU by service, requests by route, writes. The simulator is left out."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.rig import WAIT
from tests.stack import Stack
from tests.stack_run import Finished

_TICKS = os.sysconf("SC_CLK_TCK")
LIST, CREATE, UPDATE = (f"servicenow.table.{verb}" for verb in ("list", "create", "update"))
QUERY = "arg.query"


@dataclass(frozen=True, slots=True)
class Work:
    """One run. `cpu` is seconds by service; batch items count in `routes` besides their batch."""

    finished: Finished
    seconds: float
    cpu: Mapping[str, float]
    routes: Mapping[str, int]
    writes: int

    @property
    def servicenow(self) -> int:
        """Requests to ServiceNow, a batch as one."""
        return int(self.finished.record.get("servicenow_requests", "0"))

    @property
    def azure(self) -> int:
        return int(self.finished.record.get("defender_requests", "0"))

    def cpu_per_million(self, findings: int) -> dict[str, float]:
        return {name: round(spent / findings * 1e6, 1) for name, spent in self.cpu.items()}


def worked(stack: Stack, mode: str = "live") -> Work:
    """Do a run and measure it; it must end well."""
    cpu, routes, writes, began = cpu_seconds(stack), requests_of(stack), stack.writes(), time.monotonic()
    finished = stack.finish(stack.ask(mode), seconds=WAIT)
    seconds = time.monotonic() - began
    assert finished.status in ("complete", "planned"), finished
    assert finished.balanced, finished
    spent = {name: after - cpu.get(name, 0.0) for name, after in cpu_seconds(stack).items()}
    return Work(finished, seconds, spent, requests_of(stack) - routes, stack.writes() - writes)


def requests_of(stack: Stack) -> Counter[str]:
    """Requests that the simulator has seen so far, by route."""
    return Counter(stack.simulator.control("GET", "/requests")["routes"])


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """CPU seconds so far by service; both mappers are one."""
    spent: dict[str, float] = {}
    for name, pid in _processes(stack).items():
        service = name.partition("-")[0]
        spent[service] = spent.get(service, 0.0) + _cpu(pid)
    return spent


def peak_rss(stack: Stack) -> dict[str, float]:
    """Largest resident memory so far in MB (2^20) by service: of two mappers the larger one's."""
    found: dict[str, float] = {}
    for name, process in stack.services.items():
        service = name.partition("-")[0]
        found[service] = max(found.get(service, 0.0), round(_peak(process.pid), 1))
    return found


def redis_dataset(stack: Stack) -> int:
    """Bytes of Redis' data: what its INFO calls used_memory_dataset."""
    return int(stack.client.info("memory")["used_memory_dataset"])


class Sampled:
    """Reads a value every few milliseconds while a block runs; `values` are (monotonic seconds, value)."""

    def __init__(self, read: Callable[[], int], every: float) -> None:
        self._read = read
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.values: list[tuple[float, int]] = []

    def _sample(self) -> None:
        while not self._over.wait(self._every):
            value = self._read()
            self.values.append((time.monotonic(), value))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


def _processes(stack: Stack) -> dict[str, int]:
    server = int(stack.client.info("server")["process_id"])
    return {**{name: service.pid for name, service in stack.services.items()}, "redis": server}


def _cpu(pid: int) -> float:
    """Of a process and the children that it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def _peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
