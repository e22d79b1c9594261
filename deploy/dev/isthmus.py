"""The `isthmus` command as a user runs it, in a process of its own."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

_NOTHING_WRONG = (0, 2)  # 2: a plan that has something to do
_SECONDS = 900


class CommandFailed(Exception):  # noqa: N818 - its text is the whole message
    """`isthmus` ended with an exit code that says so."""


class Isthmus:
    """Runs `isthmus ARGUMENTS` with an environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **environment}

    def show(self, *arguments: str) -> None:
        """Run it before the person's eyes. Raises CommandFailed."""
        sys.stdout.write(f"\n$ isthmus {shlex.join(arguments)}\n")
        sys.stdout.flush()
        code = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "services.cli", *arguments],
            env=self._environment,
            timeout=_SECONDS,
            check=False,
        ).returncode
        if code not in _NOTHING_WRONG:
            raise CommandFailed(f"isthmus {shlex.join(arguments)} ended with exit code {code}")

    def json(self, *arguments: str) -> Any:
        """Run it with --json and read what it prints. Raises CommandFailed."""
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "services.cli", *arguments, "--json"],
            env=self._environment,
            timeout=_SECONDS,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in _NOTHING_WRONG:
            raise CommandFailed(
                f"isthmus {shlex.join(arguments)} --json failed: {done.stderr.strip()[-2000:]}"
            )
        return json.loads(done.stdout)

    def newest_run(self, status: str) -> str:
        """The id of the newest run of that status. Raises CommandFailed when there is none."""
        listed = self.json("runs", "list")
        runs = listed.get("runs", []) if isinstance(listed, dict) else listed
        for run in runs:
            if run.get("status") == status:
                return str(run.get("run") or run.get("id"))
        raise CommandFailed(f"isthmus runs list shows no run that is {status}")


def plan_and_approve(isthmus: Isthmus) -> None:
    """Show what would be done, and let it be done."""
    isthmus.show("plan")
    isthmus.show("runs", "approve", isthmus.newest_run("planned"))
