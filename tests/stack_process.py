"""One service of a stack as an operating-system process that a test may kill, freeze and start again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.simulator import ROOT

READY_SECONDS = 40.0


class ServiceProcess:
    """`python -m services.<module>`; its log is at `log`."""

    def __init__(
        self,
        module: str,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        log: Path,
        root: Path = ROOT,
    ) -> None:
        self.module = module
        self._root = root
        self.log = log
        self._arguments = arguments
        own = {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")}
        self._environment = {**own, **environment}
        self._ready = Path(environment["ISTHMUS_LIVENESS_DIR"]) / f"{module}.ready"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs, or when it was never started."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start it; `wait_ready` tells when it takes work."""
        self._ready.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", f"services.{self.module}", *self._arguments],
                cwd=self._root,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Raises AssertionError with the log's tail when it does not come up."""
        ends = time.monotonic() + seconds
        while not self._ready.exists():
            hopeful = self.alive and time.monotonic() < ends
            assert hopeful, f"{self.module} did not come up:\n{self.tail()}"
            time.sleep(0.05)

    def kill(self, number: int = signal.SIGKILL, seconds: float = 40.0) -> int:
        """Send a signal that ends it, and wait; the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(seconds)

    def send(self, number: int) -> None:
        """Send a signal that does not end it."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """End it in any case and at once, frozen or not."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.kill()
            process.wait(10)

    def tail(self, lines: int = 25) -> str:
        """The log's last lines, without the one for each ticket."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        told = [line[:600] for line in text.splitlines() if '"event": "ticket"' not in line]
        return "\n".join(told[-lines:])
