"""The stage `write`: claimed orders in waves of one batch each, urgent ones first."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from common.errors import Fatal, Park, Retry, Superseded, SyncError
from common.model.decision import Outcome
from common.observe import names
from common.observe.metrics import Metrics
from common.runtime.drain import Lease
from common.servicenow.answers import SIDE
from common.settings.settings import Settings
from common.state.csv_files import CsvFiles
from common.state.holds import DeadLetters
from common.state.links import Links
from common.state.queue import Claimed
from common.state.runs import Runs
from common.state.store import Fence, Store
from services.servicenow_writer import endings as end
from services.servicenow_writer.ahead import Ahead
from services.servicenow_writer.answers import SIGNIN_REFUSED
from services.servicenow_writer.clients import Clients
from services.servicenow_writer.counting import CountedRequests
from services.servicenow_writer.desk import Desk, Standing
from services.servicenow_writer.jobs import Job, open_items, urgent_first
from services.servicenow_writer.settling import Settler
from services.servicenow_writer.sizing import BatchSizer
from services.servicenow_writer.wave import Stopped, Tools, Wave

QUEUE = "write"
MALFORMED = "malformed_order"
_STOPPED_SECONDS = 120.0  # a refused sign-in that is tried again and again locks the account
_PAUSED_SECONDS = 5.0
_UNREBUILT_SECONDS = 30.0


class Advance(Protocol):
    """Moves a run on (common.state.flow.Flow)."""

    def advance(self, connection: str, fence: Fence) -> None: ...


class ClientsOf(Protocol):
    """Clients by connection (services.servicenow_writer.clients.ClientPool)."""

    def of(self, connection: str) -> Clients: ...
    def renew(self, connection: str) -> bool: ...


@dataclass(slots=True)
class _Line:
    """What lasts between turns of one connection."""

    desk: Desk
    settler: Settler
    sizer: BatchSizer
    stopped: Fatal | None = None
    stopped_until: float = 0.0


class WriteStage:
    """Implements common.runtime.drain.Stage."""

    queue = QUEUE

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clients: ClientsOf,
        flow: Advance,
        metrics: Metrics,
        requests: CountedRequests,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.batch = settings.batch_items
        self._store = store
        self._settings = settings
        self._clients = clients
        self._flow = flow
        self._metrics = metrics
        self._requests = requests
        self._clock = clock
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()
        self._log = structlog.get_logger("writer")

    def handle(self, connection: str, items: Sequence[Claimed], lease: Lease) -> None:
        """Execute orders. What is unclear is parked; Park and Retry concern what is left."""
        line = self._line(connection)
        standing = line.desk.standing()
        jobs = self._current(connection, items, lease, standing)
        if not jobs:
            return
        self._requests.take()
        try:
            self._work(connection, line, jobs, lease)
        except Stopped as stop:
            self._stop(connection, line, stop.error)
            self._hold(line, standing.fence, jobs, lease, stop.error)
        finally:
            self._end_turn(connection, standing.fence)

    def failed(self, connection: str, item: Claimed, error: Fatal) -> None:
        """Leave a dead letter."""
        line = self._line(connection)
        fence = line.desk.standing().fence
        opened = open_items([item])
        if opened.malformed:
            self._bury(connection, fence, item, opened.malformed[0].sentence)
        for job in opened.jobs:
            dead = [end.dead(job, error.reason, str(error))]
            line.settler.record(fence, dead, set())
            line.settler.clean(fence, dead, set())
        self._advance(connection, fence)

    def _current(
        self, connection: str, items: Sequence[Claimed], lease: Lease, standing: Standing
    ) -> list[Job]:
        """The orders of the current run; a superseded run can't write (promise 12)."""
        opened = open_items(items)
        fence = standing.fence
        for bad in opened.malformed:
            self._bury(connection, fence, bad.item, bad.sentence)
        stale = [job for job in opened.jobs if Fence(job.order.epoch, job.order.run) != fence]
        if stale:
            self._log.info("superseded", connection=connection, orders=len(stale), run=fence.run)
        lease.settle([*(bad.item for bad in opened.malformed), *(job.item for job in stale)])
        return urgent_first([job for job in opened.jobs if job not in stale])

    def _bury(self, connection: str, fence: Fence, item: Claimed, sentence: str) -> None:
        letter: dict[str, object] = {"order": None, "reason": MALFORMED, "sentence": sentence, "history": []}
        DeadLetters(self._store, connection).put(item.id, letter)
        self._metrics.count(names.DECISIONS, Outcome.DEAD.value, MALFORMED)
        try:
            Runs(self._store, connection).outcomes(fence, [(item.id, Outcome.DEAD, MALFORMED)])
        except Superseded:
            self._log.info("outcome_superseded", connection=connection, run=fence.run)

    def _work(self, connection: str, line: _Line, jobs: Sequence[Job], lease: Lease) -> None:
        if line.stopped is not None:
            if self._clock() < line.stopped_until:
                raise Stopped(line.stopped)
            line.stopped = None
        tools = self._tools(connection, line)
        ahead = Ahead()
        todo = list(jobs)
        ends = self._clock() + self._settings.task_seconds
        while todo:
            if self._clock() > ends:
                raise Retry("task_over", "The task's time is over; the rest is taken up again.")
            standing = self._admitted(line, todo)
            urgent = todo[0].order.urgent
            alike = [job for job in todo if job.order.urgent == urgent]
            room = line.sizer.size
            wave = Wave(tools, lease, standing, alike[:room], urgent, ahead, alike[room:])
            todo = wave.run() + todo[len(wave.jobs) :]
            self._metrics.set(names.SIGNIN_OK, 1, connection, SIDE)

    def _admitted(self, line: _Line, todo: Sequence[Job]) -> Standing:
        """Look again before each wave: a pause acts within seconds, a newer run at once."""
        standing = line.desk.standing()
        if standing.fence != Fence(todo[0].order.epoch, todo[0].order.run):
            raise Superseded
        if standing.paused:
            raise Park("paused", "The connection is paused.", _PAUSED_SECONDS)
        if not standing.rebuilt and any(job.creates for job in todo):
            # Promise 5: without the links nobody knows which tickets are there already.
            raise Park("links_not_rebuilt", "The links were not rebuilt yet.", _UNREBUILT_SECONDS)
        return standing

    def _tools(self, connection: str, line: _Line) -> Tools:
        try:
            clients = self._clients.of(connection)
        except Fatal as error:
            raise Stopped(error) from error
        return Tools(
            connection,
            clients,
            line.desk,
            line.settler,
            line.sizer,
            Links(self._store, connection),
            Runs(self._store, connection),
            lambda run: CsvFiles(self._store, connection, run),
            self._metrics,
            self._settings.server_limit_seconds,
        )

    def _stop(self, connection: str, line: _Line, error: Fatal) -> None:
        """The connection stands still for a while. Raises Retry when a replaced secret makes it go on."""
        if error.reason == SIGNIN_REFUSED:
            self._metrics.set(names.SIGNIN_OK, 0, connection, SIDE)
        if line.stopped is None:
            if error.reason == SIGNIN_REFUSED and self._renewed(connection):
                raise Retry("signin_renewed", "A secret was replaced; it is tried at once.")
            line.stopped, line.stopped_until = error, self._clock() + _STOPPED_SECONDS
            self._log.error("stopped", connection=connection, reason=error.reason, error=str(error))

    def _renewed(self, connection: str) -> bool:
        try:
            return self._clients.renew(connection)
        except SyncError:
            return False

    def _hold(self, line: _Line, fence: Fence, jobs: Sequence[Job], lease: Lease, error: Fatal) -> None:
        """Neither dead (nothing is wrong with the orders) nor parked (the run would never end)."""
        left = {item.id for item in lease.left()}
        held = [end.held(job, error.reason, str(error)) for job in jobs if job.group in left]
        if held:
            line.settler.record(fence, held, set())
            lease.settle([ending.job.item for ending in held])

    def _end_turn(self, connection: str, fence: Fence) -> None:
        count = self._requests.take()
        if count and fence.run:
            Runs(self._store, connection).add(fence.run, {"servicenow_requests": count})
        self._advance(connection, fence)

    def _advance(self, connection: str, fence: Fence) -> None:
        try:
            self._flow.advance(connection, fence)
        except Superseded:
            self._log.info("advance_superseded", connection=connection, run=fence.run)

    def _line(self, connection: str) -> _Line:
        with self._lock:
            line = self._lines.get(connection)
            if line is None:
                line = self._lines[connection] = _Line(
                    Desk(self._store, connection),
                    Settler(self._store, connection, self._metrics),
                    BatchSizer(self._settings.batch_seconds, self._settings.batch_items),
                )
            return line
