"""`python -m deploy.dev.supervise`: the whole stack as processes on one machine.

Redis first, then the simulator, then every service; what dies is started again with backoff. When all take
work, `stack.json` says where everything is. SIGTERM or SIGINT stops all in order: services, simulator, Redis.
"""

import argparse
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.dev.child import CONFIGURATION_ERROR, Child, Spec
from deploy.dev.layout import ROOT, RULES, SERVICES, Layout, Options
from deploy.dev.redis_process import RedisMissing, answers

START_SECONDS = 120
STOP_SECONDS = 30
_TICK_SECONDS = 0.1


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked
    """A signal asked us to stop."""


class Broken(Exception):  # noqa: N818 - its text is the whole message
    """The stack can't go on."""


class Supervisor:
    """Starts, watches and stops the children of a Layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._children: list[Child] = []
        self._ready: Mapping[str, str] = {}

    def run(self) -> None:
        """Until Stopped or Broken is raised; stops what was started in any case."""
        layout = self._layout
        try:
            self._start(layout.redis())
            self._until("Redis", lambda: answers(layout.redis_port))
            self._start(layout.simulator())
            self._until("the simulator", (layout.var / "ca" / "ready.json").exists)
            self._ready = json.loads((layout.var / "ca" / "ready.json").read_text())
            layout.configure(self._ready)
            for name, module, arguments in layout.options.services:
                self._start(layout.service(name, module, arguments))
            self._until("every service", self._all_ready)
            self._announce()
            say(f"supervisor: ready, see {layout.state_file}")
            while True:
                self._tend()
        finally:
            layout.state_file.unlink(missing_ok=True)
            self._stop()

    def _start(self, spec: Spec) -> None:
        child = Child(spec, ROOT, self._layout.log / f"{spec.name}.log")
        child.start()
        self._children.append(child)

    def _all_ready(self) -> bool:
        services = self._layout.options.services
        return all(self._layout.ready_file(name, module).exists() for name, module, _ in services)

    def _announce(self) -> None:
        pids = {child.spec.name: child.pid for child in self._children}
        self._layout.announce(self._ready, pids)

    def _until(self, what: str, true: Callable[[], bool]) -> None:
        ends = time.monotonic() + START_SECONDS
        while not true():
            if time.monotonic() > ends:
                tails = "\n".join(f"{c.spec.name}: {c.tail(5)}" for c in self._children if c.restarts)
                raise Broken(f"{what} did not come up within {START_SECONDS} s\n{tails}")
            self._tend()

    def _tend(self) -> None:
        """Look at every child once, and after a change say so in stack.json."""
        before = [child.restarts for child in self._children]
        for child in self._children:
            code = child.tend()
            if code is None:
                continue
            name = child.spec.name
            if not child.spec.restart or code == CONFIGURATION_ERROR:
                raise Broken(f"{name} ended with exit code {code}; {child.log} says why:\n{child.tail()}")
            say(f"supervisor: {name} ended with exit code {code}, starting it again")
        if self._layout.state_file.exists() and before != [child.restarts for child in self._children]:
            self._announce()
        time.sleep(_TICK_SECONDS)

    def _stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # an impatient second one would leave children behind
        infrastructure = [child for child in self._children if child.spec.name in ("redis", "simulator")]
        services = [child for child in self._children if child not in infrastructure]
        for group in (services, *([child] for child in reversed(infrastructure))):
            for child in group:
                child.terminate()
            ends = time.monotonic() + STOP_SECONDS
            for child in group:
                child.join(ends - time.monotonic())


@contextmanager
def alone(var: Path) -> Iterator[None]:
    """Hold `<var>.lock`, with our process id in it. Raises Broken when another supervisor holds it."""
    var.parent.mkdir(parents=True, exist_ok=True)
    with lock_file(var).open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Broken(f"a stack runs in {var} already; `make down` stops it") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
        lock.truncate(0)


def lock_file(var: Path) -> Path:
    return var.with_name(f"{var.name}.lock")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _stop(*_: Any) -> None:
    raise Stopped


def options(arguments: list[str] | None = None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m deploy.dev.supervise", description=__doc__)
    parser.add_argument("--var", type=Path, default=ROOT / "var" / "stack", help="made anew at each start")
    parser.add_argument("--findings", type=int, default=2000, help="assessments in the simulated tenant")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same tenant")
    parser.add_argument("--limits", choices=("none", "realistic"), default="none")
    parser.add_argument("--load", type=Path, help="serve the payloads of this directory instead")
    parser.add_argument("--rules", type=Path, default=RULES, help="rule file of the connection")
    names = [name for name, _, _ in SERVICES]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="start only these services")
    given = parser.parse_args(arguments)
    services = tuple(service for service in SERVICES if service[0] in given.only)
    return Options(
        given.var, given.findings, given.seed, given.limits, given.load, given.rules, services=services
    )


def main() -> int:
    """Exit code 0 after a signal, 1 with a sentence when the stack can't run."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    layout = Layout(options())
    try:
        with alone(layout.var):
            layout.make()
            Supervisor(layout).run()
    except Stopped:
        say("supervisor: stopped")
        return 0
    except (Broken, RedisMissing, FileExistsError) as error:
        sys.stderr.write(f"supervisor: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
