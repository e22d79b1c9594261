"""A run as a table: status, two ledgers, requests, scope changes, reasons."""

from collections.abc import Iterable

from common.describe import describe
from common.operate.holding import HeldRow
from common.operate.run_reports import RunLine, RunReport
from services.cli.output import cell, complain, say, stdout, table

_STYLES = {
    "complete": "green",
    "planned": "cyan",
    "approved": "green",
    "partial": "yellow",
    "failed": "red",
    "rejected": "red",
}


def show_run(told: RunReport) -> None:
    """Everything about one run."""
    facts = table("", "")
    facts.show_header = False
    for name, value in _facts(told):
        facts.add_row(cell(name, "bold"), cell(value, _STYLES.get(value, "") if name == "Status" else ""))
    console = stdout()
    console.print(facts)
    if told.groups.reasons:
        console.print()
        reasons = table("Outcome", "Groups", "Reason", "", numbers=("Groups",))
        for name, count in told.groups.reasons.items():
            outcome, _, reason = name.partition(":")
            reasons.add_row(cell(outcome), cell(count), cell(reason), cell(describe(reason)))
        console.print(reasons)
    show_events(told)


def show_events(told: RunReport) -> None:
    """What people should know."""
    if told.events:
        say("")
        for event in told.events:
            say(f"- {event.sentence} ({event.reason})")


def show_trouble(told: RunReport) -> None:
    """Why a run did not come to its end, on stderr."""
    why = [event.sentence for event in told.events if event.reason == told.reason] or [
        event.sentence for event in told.events
    ]
    complain(f"Run {told.run} is {told.status}" + (f" ({told.reason})" if told.reason else "") + ".")
    for sentence in why:
        complain(sentence)


def show_runs(lines: Iterable[RunLine]) -> None:
    """Runs, newest first."""
    names = ("Seconds", "Touched", "Held", "Dead")
    listed = table("Run", "Connection", "Mode", "Status", "Started", *names, numbers=names)
    for line in lines:
        status = line.status + (f" ({line.reason})" if line.reason else "")
        numbers = (line.seconds, line.touched, line.held, line.dead)
        listed.add_row(
            cell(line.run),
            cell(line.connection),
            cell(line.mode),
            cell(status, _STYLES.get(line.status, "")),
            cell(line.started or ""),
            *map(cell, numbers),
        )
    stdout().print(listed)


def show_held(rows: Iterable[HeldRow], run: str) -> None:
    """What a run holds still, and how it is released."""
    some = list(rows)
    if not some:
        return
    say("")
    held = table("Held by rule", "Tickets", "Reason", "", numbers=("Tickets",))
    for row in some:
        held.add_row(cell(row.rule), cell(row.tickets), cell(row.reason), cell(row.sentence))
    stdout().print(held)
    if any(row.releasable for row in some):
        say("")
        say(f"Next: isthmus runs approve {run} [--up-to N]")


def _facts(told: RunReport) -> list[tuple[str, str]]:
    f, g, u, s = told.findings, told.groups, told.units, told.scope
    skipped = sum(f.skipped.values())
    why = ", ".join(f"{name} {count}" for name, count in f.skipped.items())
    findings = (
        f"{f.read} read = {f.matched} matched + {skipped} skipped + {f.malformed} malformed"
        f" + {f.repeated} repeated{_unbalanced(f.balanced)}"
    )
    groups = (
        f"{g.touched} touched = {g.created} created + {g.updated} updated + {g.resolved} resolved"
        f" + {g.reopened} reopened + {g.unchanged} unchanged + {g.held} held + {g.skipped} skipped"
        f" + {g.dead} dead{_unbalanced(g.balanced)}"
    )
    rows = [
        ("Run", f"{told.run} of {told.connection} ({told.mode or 'not begun'})"),
        ("Status", told.status),
        ("Asked by", f"{told.requested_by}: {told.why}".strip(": ")),
        ("Time", f"{told.started or '-'}, {told.seconds} s"),
        ("Findings", findings),
        ("Skipped", why),
        ("Groups", groups),
        ("Units", f"{u.planned} planned, {u.done} done, {u.failed} failed, {u.inexact} inexact"),
        ("Requests", f"{told.servicenow_requests} to ServiceNow, {told.defender_requests} to Azure"),
        ("Scope", _scope(s.added, s.removed, s.shrunk, s.claimed)),
    ]
    return [(name, value) for name, value in rows if value]


def _unbalanced(balanced: bool) -> str:
    return "" if balanced else "  (not added up yet)"


def _scope(added: list[str], removed: list[str], shrunk: list[str], claimed: dict[str, str]) -> str:
    said = (("new", added), ("gone", removed), ("shrunk", shrunk), ("claimed elsewhere", list(claimed)))
    return "; ".join(f"{len(some)} {word}: {_few(some)}" for word, some in said if some)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
