"""A stack to be measured: every service as a process, both clouds simulated without limits."""

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

from common.messages import StartRun
from common.rules.ruleset import RuleSet
from common.runtime.celery_app import build_app
from common.runtime.post import Post
from common.settings.settings import load_settings
from common.state import keys
from common.state.approvals import Approvals
from common.state.register import Register
from common.state.runs import Runs
from common.state.store import Store, octets
from deploy.dev.layout import CONNECTION, ROOT
from deploy.dev.witness import Witness

RULES = Path(__file__).with_name("rules.yaml")
_WITHOUT_LIMITS = {"ISTHMUS_QUOTA_CALLS": "100000"}
_TICKS = os.sysconf("SC_CLK_TCK")


class Rig:
    """Starts runs, reads their records, and the processes' CPU seconds and memory."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
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
        self._number += 1
        name = f"bench{self._number}-{time.time_ns()}"
        message = {
            "connection": CONNECTION,
            "mode": mode,
            "run": name,
            "requested_by": "bench",
            "reason": "bench",
        }
        self._post.start_run(StartRun.model_validate(message))
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            record = self.runs.record(name)
            if record.get("status", "running") != "running":
                return {**record, "run": name}
            time.sleep(0.05)
        raise TimeoutError(f"{mode} run {name} did not end in {seconds:.0f} s")

    def approve(self, run: str) -> None:
        rules = RuleSet.from_json(octets(self.store.client.get(keys.run(CONNECTION, run, "rules"))))
        subscriptions = [unit.unit.partition(":")[2] for unit in self.runs.units(run)]
        Approvals(self.register).approve(rules, subscriptions, "bench", run)

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by process."""
        return {name: _cpu(pid) for name, pid in self.pids.items()}

    def peak_rss(self) -> dict[str, float]:
        """Largest resident memory so far in MB, by process."""
        return {name: _peak(pid) for name, pid in self.pids.items()}


@contextmanager
def rig(findings: int, var: Path, *, limits: str = "none", rules: Path = RULES) -> Iterator[Rig]:
    """A fresh stack; stopped at the end."""
    command = [sys.executable, "-m", "deploy.dev.supervise", "--var", str(var), "--findings", str(findings)]
    command += ["--limits", limits, "--rules", str(rules)]
    environment = {**os.environ, **(_WITHOUT_LIMITS if limits == "none" else {})}
    process = subprocess.Popen(  # noqa: S603 - our own module
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        ends = time.monotonic() + 180
        while not (var / "stack.json").exists():
            if process.poll() is not None or time.monotonic() > ends:
                raise TimeoutError(f"the stack did not come up; see {var}/log")
            time.sleep(0.1)
        yield Rig(json.loads((var / "stack.json").read_text()))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


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
