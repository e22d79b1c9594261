"""How far a run is, stage by stage."""

from collections.abc import Mapping

import msgspec

from common.state import keys
from common.state.runs import RUNNING, Runs
from common.state.store import Store

ENDED_UNITS = ("done", "failed")


class Bar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One stage: `done` of `total`; `total` is None while it is not known."""

    name: str
    done: int
    total: int | None

    @property
    def complete(self) -> bool:
        return self.total is not None and self.done >= self.total


class Progress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`stage` is starting, reading, mapping, deciding, writing, or the status of a run that ended."""

    status: str
    stage: str
    bars: list[Bar]

    @property
    def ended(self) -> bool:
        return self.status not in ("", RUNNING)


def progress(store: Store, connection: str, run: str) -> Progress:
    """Look at a run; status "" means that nobody has begun it."""
    runs = Runs(store, connection)
    record = runs.record(run)
    status = record.get("status", "")
    bars = [_tickets(store, connection, run, record), *_units(runs, run, record), _decided(runs, run, record)]
    if record.get("mode") != "plan":
        bars.append(_written(runs, run, record))
    return Progress(status=status, stage=_stage(status, bars, record), bars=bars)


def stage(store: Store, connection: str, run: str) -> str:
    """The stage alone."""
    return progress(store, connection, run).stage


def _tickets(store: Store, connection: str, run: str, record: Mapping[str, str]) -> Bar:
    total = int(record["tickets_pages"]) if record.get("tickets_read") == "1" else None
    if record.get("tickets_done") == "1" and total is not None:
        return Bar(name="ticket pages", done=total, total=total)
    done = int(store.client.scard(keys.run(connection, run, "observed")))
    return Bar(name="ticket pages", done=done, total=total)


def _units(runs: Runs, run: str, record: Mapping[str, str]) -> list[Bar]:
    """Units planned, read and mapped: a unit that failed is over, so it counts as far as it can come."""
    if record.get("planned") != "1":
        return [Bar(name=f"units {word}", done=0, total=None) for word in ("planned", "read", "mapped")]
    total, units = int(record["units_planned"]), runs.units(run)
    read = sum(unit.state != "planned" for unit in units)
    mapped = sum(unit.state in ENDED_UNITS for unit in units)
    counts = (("planned", total), ("read", read), ("mapped", mapped))
    return [Bar(name=f"units {word}", done=done, total=total) for word, done in counts]


def _decided(runs: Runs, run: str, record: Mapping[str, str]) -> Bar:
    if record.get("decided") != "1":
        return Bar(name="groups decided", done=0, total=None)
    touched = runs.groups(run).touched
    return Bar(name="groups decided", done=touched, total=touched)


def _written(runs: Runs, run: str, record: Mapping[str, str]) -> Bar:
    """Groups with an outcome; most of those that need no write have it at once."""
    if record.get("decided") != "1":
        return Bar(name="groups settled", done=0, total=None)
    groups = runs.groups(run)
    return Bar(name="groups settled", done=sum(groups.reasons.values()), total=groups.touched)


def _stage(status: str, bars: list[Bar], record: Mapping[str, str]) -> str:
    if status != RUNNING:
        return status or "requested"
    if record.get("decided") == "1":
        return "writing" if record.get("mode") != "plan" else "deciding"
    tickets, _, read, mapped, *_ = bars
    if not (tickets.complete or tickets.done) and read.total is None:
        return "starting"
    if not read.complete or record.get("tickets_done") != "1":
        return "reading"
    return "deciding" if mapped.complete else "mapping"
