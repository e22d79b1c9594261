"""`python -m deploy.dev.background up|down`: the stack in the background (`make up`, `make down`)."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from deploy.dev.layout import ROOT
from deploy.dev.supervise import lock_file, say

VAR = ROOT / "var" / "stack"  # the default of deploy.dev.supervise
_UP_SECONDS = 180
_DOWN_SECONDS = 120


def up(arguments: list[str]) -> int:
    """Start the supervisor and wait until the stack takes work."""
    if running_pid(VAR):
        say("up: the stack runs already")
        return describe()
    VAR.parent.mkdir(parents=True, exist_ok=True)
    log = VAR.parent / "supervisor.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "deploy.dev.supervise", "--var", str(VAR), *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    ends = time.monotonic() + _UP_SECONDS
    while not (running_pid(VAR) == process.pid and (VAR / "stack.json").exists()):
        if process.poll() is not None or time.monotonic() > ends:
            sys.stderr.write(f"up: the stack did not come up\n{log.read_text()}")
            return 1
        time.sleep(0.2)
    return describe()


def describe() -> int:
    """Say where to look."""
    facts = json.loads((VAR / "stack.json").read_text())
    say(f"command line  {facts['command']} status")
    say(f"logs          {facts['logs']}")
    for name, url in facts["metrics"].items():
        say(f"metrics       {url}  ({name})")
    say(f"simulator     {facts['simulator']['control']}/ledger  (CA: {facts['simulator']['ca']})")
    say("stop it with  make down")
    return 0


def down() -> int:
    """Stop the supervisor, which stops all in order, and wait for its end."""
    pid = running_pid(VAR)
    if not pid:
        say("down: no stack runs")
        return 0
    os.kill(pid, signal.SIGTERM)
    ends = time.monotonic() + _DOWN_SECONDS
    while running_pid(VAR):
        if time.monotonic() > ends:
            sys.stderr.write(f"down: process {pid} did not stop within {_DOWN_SECONDS} s\n")
            return 1
        time.sleep(0.2)
    say("down: stopped")
    return 0


def running_pid(var: Path) -> int:
    """The supervisor's process id, 0 when none runs in `var`."""
    if not lock_file(var).exists():
        return 0
    with lock_file(var).open(encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:  # held: the number in it is a living supervisor's
            text = lock.read()
            return int(text) if text.isdigit() else 0
    return 0


def main(arguments: list[str]) -> int:
    """Exit code 0 when it runs (`up`) or has stopped (`down`)."""
    if arguments[:1] == ["up"]:
        return up(arguments[1:])
    if arguments == ["down"]:
        return down()
    sys.stderr.write("usage: python -m deploy.dev.background up [OPTIONS OF deploy.dev.supervise] | down\n")
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
