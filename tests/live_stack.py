"""The whole stack as processes, to be measured, changed and killed: services real, both clouds simulated."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
import requests

from common.messages import StartRun
from common.rules.ruleset import RuleSet
from common.runtime.celery_app import build_app
from common.runtime.post import Post
from common.settings.settings import load_settings
from common.state import keys
from common.state.approvals import Approvals
from common.state.register import Register
from common.state.runs import Findings, Groups, Runs
from common.state.store import Store, octets
from deploy.dev.layout import CONNECTION, ROOT
from deploy.dev.witness import Witness

RULES = Path(__file__).with_name("live_rules.yaml")
_WITHOUT_LIMITS = {"ISTHMUS_QUOTA_CALLS": "100000"}
# Short, so that what a killed process held comes back within a test.
QUICK = {
    "ISTHMUS_LEASE_SECONDS": "2",
    "ISTHMUS_SERVER_LIMIT_SECONDS": "5",
    "ISTHMUS_BELL_SECONDS": "2",
}
_TICKS = os.sysconf("SC_CLK_TCK")


class Rig:
    """Starts runs, reads their records, and the processes' CPU seconds and memory."""

    def __init__(self, facts: Mapping[str, Any], supervisor: int) -> None:
        self._supervisor = supervisor
        os.environ.update(facts["environment"])
        settings = load_settings()
        self.pids: Mapping[str, int] = facts["pids"]
        self.store = Store(redis.Redis.from_url(settings.redis_state_url.get_secret_value()))
        self.runs = Runs(self.store, CONNECTION)
        self.register = Register(self.store, CONNECTION)
        self.witness = Witness(facts["simulator"]["control"], Path(facts["simulator"]["ca"]))
        self.ready: Mapping[str, str] = facts["simulator"]
        self._post = Post(build_app("bench", settings))
        self._number = 0

    def run(self, mode: str, seconds: float = 400) -> dict[str, str]:
        """One run to its end; answers its record. Raises TimeoutError."""
        while True:
            record = self.wait(self.start(mode), seconds)
            if record.get("reason") != "already_running":  # the scheduler's first look at a new connection
                return record
            time.sleep(0.2)

    def approve(self, run: str) -> None:
        rules = RuleSet.from_json(octets(self.store.client.get(keys.run(CONNECTION, run, "rules"))))
        subscriptions = [unit.unit.partition(":")[2] for unit in self.runs.units(run)]
        Approvals(self.register).approve(rules, subscriptions, "bench", run)

    def ledgers(self, run: str) -> tuple[Findings, Groups]:
        """Both ledgers of a run; they must add up."""
        return self.runs.findings(run), self.runs.groups(run)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call the simulator's control API."""
        url = self.ready["control"] + path
        answer = requests.request(method, url, json=body, verify=self.ready["ca"], timeout=150)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        """Read lines of JSON from the control API: findings, tickets."""
        answer = requests.get(self.ready["control"] + path, verify=self.ready["ca"], timeout=150)
        answer.raise_for_status()
        return (json.loads(line) for line in answer.text.splitlines() if line)

    def processes(self, service: str) -> list[int]:
        """Pids of a service (`collector`, `mapper`, `servicenow_writer`) as they run now."""
        word = f"services.{service}"
        entries = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return sorted(int(entry.name) for entry in entries if _child_of(entry, self._supervisor, word))

    def kill(self, service: str, number: int = signal.SIGKILL) -> list[int]:
        """Send a signal to every process of a service; the supervisor starts again what dies."""
        pids = self.processes(service)
        for pid in pids:
            os.kill(pid, number)
        return pids

    def start(self, mode: str) -> str:
        """Ask for a run; answers its id."""
        self._number += 1
        name = f"test{self._number}-{time.time_ns()}"
        message = {
            "connection": CONNECTION,
            "mode": mode,
            "run": name,
            "requested_by": "test",
            "reason": "test",
        }
        self._post.start_run(StartRun.model_validate(message))
        return name

    def wait(self, run: str, seconds: float = 400) -> dict[str, str]:
        """The record of a run that ended. Raises TimeoutError."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            record = self.runs.record(run)
            if record.get("status", "running") != "running":
                return {**record, "run": run}
            time.sleep(0.05)
        raise TimeoutError(f"run {run} did not end in {seconds:.0f} s: {self.runs.record(run)}")

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by process."""
        return {name: _cpu(pid) for name, pid in self.pids.items()}

    def peak_rss(self) -> dict[str, float]:
        """Largest resident memory so far in MB, by process."""
        return {name: _peak(pid) for name, pid in self.pids.items()}


@contextmanager
def rig(
    findings: int,
    var: Path,
    *,
    limits: str = "none",
    rules: Path = RULES,
    load: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Rig]:
    """A fresh stack; stopped at the end."""
    command = [sys.executable, "-m", "deploy.dev.supervise", "--var", str(var), "--findings", str(findings)]
    command += ["--limits", limits, "--rules", str(rules)]
    command += ["--load", str(load)] if load else []
    environment = {**os.environ, **(_WITHOUT_LIMITS if limits == "none" else {}), **(settings or {})}
    process = subprocess.Popen(  # noqa: S603 - our own module
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        ends = time.monotonic() + 180
        while not (var / "stack.json").exists():
            if process.poll() is not None or time.monotonic() > ends:
                raise TimeoutError(f"the stack did not come up; see {var}/log")
            time.sleep(0.1)
        yield Rig(json.loads((var / "stack.json").read_text()), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _child_of(entry: Path, parent: int, word: str) -> bool:
    try:
        status, command = (entry / "status").read_text(), (entry / "cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return f"PPid:\t{parent}\n" in status and word in command.split("\0")


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
