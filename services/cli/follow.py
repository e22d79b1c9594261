"""Following a run until it ends: bars on a terminal, one line for each stage elsewhere."""

import time
from collections.abc import Callable

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from common.operate.errors import Refused
from common.operate.progress import Progress, progress
from common.operate.starting import ask_for_run, in_its_place
from common.state.runs import Runs
from services.cli.bootstrap import Tools
from services.cli.errors import INTERRUPTED
from services.cli.output import remark, stderr

_FAST, _SLOW, _FAST_FOR = 0.1, 0.5, 10.0
_ATTEMPTS = 5


class Follower:
    """Follows runs of one connection; `patience` in seconds for a run to begin."""

    def __init__(self, tools: Tools, connection: str, patience: float) -> None:
        self._tools = tools
        self._connection = connection
        self._patience = patience

    def fresh(self, mode: str, by: str, why: str, *, join: bool = False) -> str:
        """Ask for a run and follow it; answers the run that ended.

        When another one is under way, that is followed first; with `join`, a live one counts as ours.
        """
        store = self._tools.store
        for _ in range(_ATTEMPTS):
            run = ask_for_run(self._tools.post, self._connection, mode, by, why)
            self.to_end(run)
            other = in_its_place(store, self._connection, run)
            if not other:
                return run
            live = Runs(store, self._connection).record(other).get("mode") == "live"
            then = "" if join and live else ", then yours begins"
            remark(f"Run {other} is under way: following that one{then}.")
            self.to_end(other)
            if join and live:
                return other
        raise Refused(
            "already_running", f"Other runs of {self._connection} keep coming first; try again later."
        )

    def to_end(self, run: str) -> None:
        """Wait until a run ends. Raises Refused when nobody begins it."""
        console = stderr()
        try:
            if console.is_terminal:
                with _bars() as bars:
                    self._watch(run, _Drawn(bars).show)
            else:
                self._watch(run, _Told(run).show)
        except KeyboardInterrupt:
            remark(f"The run goes on; `isthmus runs show {run}` shows how far it is.")
            raise typer.Exit(INTERRUPTED) from None

    def _watch(self, run: str, show: Callable[[Progress], None]) -> None:
        began = time.monotonic()
        while True:
            seen = progress(self._tools.store, self._connection, run)
            show(seen)
            if seen.ended:
                return
            waited = time.monotonic() - began
            if not seen.status and waited > self._patience:
                raise Refused(
                    "not_begun",
                    f"Nobody began run {run} within {self._patience:.0f} s: is a collector running? It"
                    f" stays in the queue; `isthmus runs show {run}` later shows what became of it.",
                )
            time.sleep(_FAST if waited < _FAST_FOR else _SLOW)


def _bars() -> Bars:
    columns = (TextColumn("{task.description:<15}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Bars(*columns, console=stderr(), transient=True)


class _Drawn:
    """Progress bars."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def show(self, seen: Progress) -> None:
        for bar in seen.bars:
            if bar.name not in self._tasks:
                self._tasks[bar.name] = self._bars.add_task(bar.name, total=None)
            self._bars.update(self._tasks[bar.name], completed=bar.done, total=bar.total)


class _Told:
    """A line when the stage changes, for logs and pipes."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._last = ""

    def show(self, seen: Progress) -> None:
        if seen.stage != self._last:
            self._last = seen.stage
            known = ", ".join(f"{b.name} {b.done}/{b.total}" for b in seen.bars if b.total is not None)
            remark(f"{self._run}: {seen.stage}" + (f" ({known})" if known else ""))
