"""Where each connection stands: what ran last, what runs now, what waits for a person."""

import time

import msgspec

from common.operate.progress import stage
from common.operate.times import moment
from common.state.approvals import Approvals
from common.state.flow import QUEUES
from common.state.holds import DeadLetters, Holds
from common.state.links import Links
from common.state.queue import WorkQueue
from common.state.register import Register
from common.state.runs import COMPLETE, RUNNING, Runs
from common.state.store import Store

_LOOK_BACK = 100


class CurrentRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The run that may write; `idle_seconds` since it last moved on."""

    run: str
    mode: str
    status: str
    stage: str
    idle_seconds: int


class LastComplete(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last live run that read and settled everything; `run` is "" when its record is kept no longer."""

    run: str
    ended: str


class QueueDepth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One work queue; `oldest_seconds` is the age of the oldest of the next items."""

    queue: str
    ready: int
    leased: int
    parked: int
    oldest_seconds: int


class ConnectionStatus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connection. `recovered`: Redis was lost, and new tickets wait for an approval."""

    connection: str
    last_complete: LastComplete | None
    current: CurrentRun | None
    paused: bool
    paused_by: str
    approved: bool
    rebuilt: bool
    recovered: bool
    held: int
    dead: int
    open_tickets: int
    queues: list[QueueDepth]


def status_of(store: Store, connection: str) -> ConnectionStatus:
    """Read one connection's state; scans its links once, about a second for 100,000."""
    register = Register(store, connection)
    fields = register.all()
    epoch = store.known_epoch()
    return ConnectionStatus(
        connection=connection,
        last_complete=_last_complete(store, connection, fields.get("last_good", "")),
        current=_current(store, connection, fields),
        paused=fields.get("paused") == "1",
        paused_by=fields.get("paused_by", ""),
        approved=Approvals(register).any(),
        rebuilt=bool(epoch) and fields.get("rebuilt") == epoch,
        recovered=fields.get("recovered") == "1",
        held=Holds(store, connection).count(),
        dead=DeadLetters(store, connection).count(),
        open_tickets=sum(link.active and not link.deleted for _, link in Links(store, connection).scan()),
        queues=[_depth(store, connection, name) for name in QUEUES],
    )


def _last_complete(store: Store, connection: str, last_good: str) -> LastComplete | None:
    runs = Runs(store, connection)
    ended = moment(last_good)
    if ended is None:
        return None
    for run in runs.latest(_LOOK_BACK):
        record = runs.record(run)
        complete = COMPLETE in (record.get("status"), record.get("ended_as"))
        if complete and record.get("mode") == "live":
            return LastComplete(run=run, ended=ended)
    return LastComplete(run="", ended=ended)


def _current(store: Store, connection: str, fields: dict[str, str]) -> CurrentRun | None:
    run = fields.get("run", "")
    record = Runs(store, connection).record(run) if run else {}
    if record.get("status") != RUNNING:
        return None
    return CurrentRun(
        run=run,
        mode=record.get("mode", ""),
        status=RUNNING,
        stage=stage(store, connection, run),
        idle_seconds=max(0, int(time.time()) - int(fields.get("progress", "0"))),
    )


def _depth(store: Store, connection: str, name: str) -> QueueDepth:
    depth = WorkQueue(store, connection, name).depth()
    return QueueDepth(
        queue=name,
        ready=depth.ready,
        leased=depth.leased,
        parked=depth.parked,
        oldest_seconds=int(depth.oldest_seconds),
    )
