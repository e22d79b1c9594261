"""A run as people and machines are told of it: two ledgers, requests, scope changes, reasons.

The fields are public and stable: docs/cli.md names them.
"""

import time

import msgspec

from common.model.decision import Outcome
from common.operate.times import moment
from common.state.directory import Directory
from common.state.runs import PARTIAL, RUNNING, Runs, UnitRecord
from common.state.store import Store

RELEASABLE = ("cap_rule", "cap_day", "cap_rewrite", "cap_resolve", "state_lost")
REQUESTED = "requested"


class FindingsReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """First ledger: read = matched + skipped + malformed + repeated."""

    read: int
    matched: int
    skipped: dict[str, int]
    malformed: int
    repeated: int
    balanced: bool


class GroupsReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Second ledger; `reasons` maps "outcome:reason" to a count."""

    touched: int
    created: int
    updated: int
    resolved: int
    reopened: int
    unchanged: int
    held: int
    skipped: int
    dead: int
    reasons: dict[str, int]
    balanced: bool


class UnitsReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`inexact` units were read, but Azure's counts did not agree; `reasons` of the failed ones."""

    planned: int
    done: int
    failed: int
    inexact: int
    reasons: dict[str, int]


class ScopeReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Subscriptions that joined (and wait for an approval), left, shrank or belong to another connection."""

    added: list[str]
    removed: list[str]
    shrunk: list[str]
    claimed: dict[str, str]


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that people should know of a run."""

    reason: str
    sentence: str


class RunReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run. Times are ISO 8601 in UTC or null; `seconds` counts up while the run goes on."""

    run: str
    connection: str
    mode: str
    status: str
    reason: str
    requested_by: str
    why: str
    started: str | None
    ended: str | None
    seconds: int
    findings: FindingsReport
    groups: GroupsReport
    servicenow_requests: int
    defender_requests: int
    units: UnitsReport
    scope: ScopeReport
    events: list[Event]

    @property
    def needs_person(self) -> bool:
        """Whether the run ended with work that waits for a person: unread units, dead letters, caps."""
        held = any(
            name.partition(":")[2] in RELEASABLE
            for name in self.groups.reasons
            if name.partition(":")[0] == Outcome.HELD
        )
        return self.status == PARTIAL or self.groups.dead > 0 or held


class RunLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run in a list."""

    run: str
    connection: str
    mode: str
    status: str
    reason: str
    started: str | None
    ended: str | None
    seconds: int
    touched: int
    held: int
    dead: int


def report(store: Store, connection: str, run: str) -> RunReport:
    """Everything about one run; one that was asked for and not begun yet has the status `requested`."""
    runs = Runs(store, connection)
    record, units = runs.record(run), runs.units(run)
    return RunReport(
        run=run,
        connection=connection,
        mode=record.get("mode", ""),
        status=record.get("status", REQUESTED),
        reason=record.get("reason", ""),
        requested_by=record.get("requested_by", ""),
        why=record.get("why", ""),
        started=moment(record.get("started")),
        ended=moment(record.get("ended")),
        seconds=seconds_of(record),
        findings=_findings(runs, run),
        groups=_groups(runs, run),
        servicenow_requests=int(record.get("servicenow_requests", "0")),
        defender_requests=int(record.get("defender_requests", "0")),
        units=_units(units),
        scope=_scope(store, connection, run),
        events=[Event(reason=reason, sentence=sentence) for reason, sentence in runs.told(run)],
    )


def run_lines(store: Store, connection: str, limit: int) -> list[RunLine]:
    """The latest runs of a connection, newest first."""
    runs = Runs(store, connection)
    lines = []
    for run in runs.latest(limit):
        record, groups = runs.record(run), runs.groups(run)
        lines.append(
            RunLine(
                run=run,
                connection=connection,
                mode=record.get("mode", ""),
                status=record.get("status", ""),
                reason=record.get("reason", ""),
                started=moment(record.get("started")),
                ended=moment(record.get("ended")),
                seconds=seconds_of(record),
                touched=groups.touched,
                held=groups.count(Outcome.HELD),
                dead=groups.count(Outcome.DEAD),
            )
        )
    return lines


def seconds_of(record: dict[str, str]) -> int:
    """How long a run took, or takes so far."""
    if not record.get("started"):
        return 0
    until = int(
        record.get("ended") or (time.time() if record.get("status") == RUNNING else record["started"])
    )
    return max(0, until - int(record["started"]))


def _findings(runs: Runs, run: str) -> FindingsReport:
    found = runs.findings(run)
    return FindingsReport(
        read=found.read,
        matched=found.matched,
        skipped=dict(sorted(found.skipped.items())),
        malformed=found.malformed,
        repeated=found.repeated,
        balanced=found.balanced,
    )


def _groups(runs: Runs, run: str) -> GroupsReport:
    found = runs.groups(run)
    counts = {str(outcome): found.count(outcome) for outcome in Outcome}
    reasons = dict(sorted(found.reasons.items()))
    return GroupsReport(touched=found.touched, reasons=reasons, balanced=found.balanced, **counts)


def _units(units: list[UnitRecord]) -> UnitsReport:
    failed = [unit for unit in units if unit.state == "failed"]
    reasons: dict[str, int] = {}
    for unit in failed:
        reasons[unit.reason] = reasons.get(unit.reason, 0) + 1
    return UnitsReport(
        planned=len(units),
        done=sum(unit.state == "done" for unit in units),
        failed=len(failed),
        inexact=sum(unit.state == "done" and not unit.exact for unit in units),
        reasons=reasons,
    )


def _scope(store: Store, connection: str, run: str) -> ScopeReport:
    found = Directory(store, connection).run_scope(run)
    return ScopeReport(
        added=list(found.new),
        removed=list(found.lost),
        shrunk=list(found.shrunk),
        claimed=dict(found.claimed),
    )
