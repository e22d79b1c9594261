"""One supervised process: it is started again with backoff when it dies."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BACKOFF_SECONDS = (0.5, 1, 2, 4, 8, 15, 30)
_STABLE_SECONDS = 30  # a life this long ends the backoff
CONFIGURATION_ERROR = 78  # a restart won't help
_SET_DEATH_SIGNAL = 1


@dataclass(frozen=True, slots=True)
class Spec:
    """What to run. `restart`: a process with state in memory must not come back without it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    restart: bool = True


class Child:
    """A process of a Spec, its log at `log`."""

    def __init__(self, spec: Spec, directory: Path, log: Path) -> None:
        self.spec = spec
        self.log = log
        self.restarts = 0
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._again_at = 0.0
        self._failures = 0

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it. It ends with this process, even if that is killed (on Linux)."""
        environment = {**os.environ, **self.spec.environment}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                list(self.spec.command),
                cwd=self._directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the supervisor, which stops all in order
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - there are no threads
            )
        self._began = time.monotonic()

    def tend(self) -> int | None:
        """Start it again when that is due. Answers the exit code when it has just ended, else None."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._again_at:
                self.restarts += 1
                self.start()
            return None
        code = self._process.poll()
        if code is None:
            return None
        self._failures = 0 if now - self._began > _STABLE_SECONDS else self._failures
        self._again_at = now + BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS) - 1)]
        self._failures += 1
        self._process = None
        return code

    def terminate(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGTERM)

    def join(self, seconds: float) -> None:
        """Wait for its end; after `seconds` it is killed."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, seconds))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def tail(self, lines: int = 15) -> str:
        """The log's last lines."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)
