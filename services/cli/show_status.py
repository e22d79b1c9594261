"""One row for each connection, then the queues that hold something."""

from collections.abc import Sequence

from common.operate.statuses import ConnectionStatus
from services.cli.output import cell, say, stdout, table


def show_status(found: Sequence[ConnectionStatus]) -> None:
    """The whole status."""
    if not found:
        say("No connection; add one to connections.yaml.")
        return
    numbers = ("Open", "Held", "Dead")
    rows = table("Connection", "State", "Last complete", "Now", *numbers, "Waiting", numbers=numbers)
    for one in found:
        rows.add_row(
            cell(one.connection, "bold"),
            cell(*_state(one)),
            cell(one.last_complete.ended if one.last_complete else "never"),
            cell(f"{one.current.run} {one.current.mode}: {one.current.stage}" if one.current else "-"),
            *map(cell, (one.open_tickets, one.held, one.dead)),
            cell(_waiting(one)),
        )
    stdout().print(rows)
    for one in found:
        for sentence in _advice(one):
            say(f"{one.connection}: {sentence}")


def _state(one: ConnectionStatus) -> tuple[str, str]:
    if one.paused:
        return f"paused by {one.paused_by}", "yellow"
    if one.recovered:
        return "recovered", "yellow"
    if not one.approved:
        return "plan only", "cyan"
    return ("live", "green") if one.rebuilt else ("rebuilding links", "yellow")


def _waiting(one: ConnectionStatus) -> str:
    busy = [q for q in one.queues if q.ready or q.leased or q.parked]
    return ", ".join(f"{q.queue} {q.ready + q.leased + q.parked} ({q.oldest_seconds} s)" for q in busy) or "-"


def _advice(one: ConnectionStatus) -> list[str]:
    said = []
    if one.recovered:
        said.append("Redis was lost; new tickets wait for `isthmus runs approve`.")
    elif not one.approved:
        said.append("nothing is approved; `isthmus plan` shows what would be written.")
    if one.dead:
        said.append(f"{one.dead} dead letters need a person; `isthmus state export` shows them.")
    return said
