"""Starts the toy service as a real worker process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deploy.dev.redis_process import RedisProcess, free_port

ROOT = Path(__file__).resolve().parents[2]


def eventually(true: Callable[[], object], seconds: float = 20) -> bool:
    """Whether `true` becomes true in time."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if true():
            return True
        time.sleep(0.1)
    return False


class WorkerProcess:
    """The toy worker on a Redis, with its files in `directory`."""

    def __init__(self, broker: RedisProcess, directory: Path) -> None:
        self.metrics_port = free_port()
        self.log = directory / "worker.log"
        self.liveness = directory / "live"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")}
        environment |= {
            "ISTHMUS_REDIS_BROKER_URL": broker.url(0),
            "ISTHMUS_REDIS_STATE_URL": broker.url(1),
            "ISTHMUS_LIVENESS_DIR": str(self.liveness),
            "ISTHMUS_SWEEP_SECONDS": "0.3",
            "ISTHMUS_METRICS_HOST": "127.0.0.1",
            "ISTHMUS_METRICS_PORT": str(self.metrics_port),
            "ISTHMUS_CONCURRENCY": "2",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.toy_service"],
                cwd=ROOT,
                env=environment,
                stderr=log,
                stdout=log,
            )

    def ready(self) -> bool:
        return (self.liveness / "mapper.ready").exists()

    def terminate(self, seconds: float = 30) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
