"""`make demo`: both clouds simulated, every service real, and the whole way twice.

Plan, approve, sync; then Azure and a person change things; sync again; a table of what happened.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.dev.isthmus import CommandFailed, Isthmus, plan_and_approve
from deploy.dev.layout import ROOT
from deploy.dev.witness import Difference, Ticket, Tickets, Witness, compare

VAR = ROOT / "var" / "demo"
FINDINGS = 2000
EDIT = "Edited by a person: please keep my words"


class DemoFailed(Exception):  # noqa: N818 - its text is the whole message
    """What was shown is not what should have happened."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What was changed between the two syncs."""

    fixed: int
    fixed_recommendation: str
    new: int
    worse: int
    deleted: int
    edited: Ticket


@contextmanager
def stack(console: Console) -> Iterator[dict[str, Any]]:
    """The supervisor with everything below it; answers stack.json."""
    console.rule("Starting Redis, the two simulated clouds and every service")
    VAR.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "deploy.dev.supervise", "--var", str(VAR), "--findings", str(FINDINGS)]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)  # noqa: S603 - our own module
    try:
        while not (VAR / "stack.json").exists():
            if process.poll() is not None:
                raise DemoFailed("the stack did not come up; its words stand above")
            time.sleep(0.2)
        yield json.loads((VAR / "stack.json").read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def change_the_world(witness: Witness, tickets: Tickets) -> Changes:
    """Fixed, new, worse and deleted in Azure; one ticket edited by a person in ServiceNow."""
    still_open = sorted(
        (t for t in tickets.values() if t.open and t.footer), key=lambda ticket: ticket.number
    )
    if len(still_open) < 2:
        raise DemoFailed("the first sync left fewer than two open tickets")
    recommendation = still_open[0].value("recommendation")
    edited = next((t for t in still_open if t.value("recommendation") != recommendation), still_open[-1])
    fixed = witness.azure(op="fix", recommendation=recommendation)
    kept = edited.value("recommendation")
    new = witness.azure(op="new_finding", count=12, seed=5)
    worse = witness.azure(op="raise_risk", count=15, seed=6)
    deleted = witness.azure(op="delete_resource", count=5, seed=7, recommendation=kept)
    witness.person(op="edit", sys_id=edited.sys_id, fields={"short_description": EDIT})
    return Changes(
        len(fixed["changed"]),
        recommendation,
        len(new["changed"]),
        len(worse["changed"]),
        len(deleted["changed"]),
        edited,
    )


def results(changes: Changes, difference: Difference, after: Tickets) -> Table:
    """One line for each kind of change, Azure's side and ServiceNow's."""
    table = Table(title="What happened between the two syncs", title_justify="left")
    table.add_column("in Azure, or by a person")
    table.add_column("in ServiceNow")
    ours = after[changes.edited.sys_id]
    rows = (
        (f"{changes.fixed} findings fixed", f"{len(difference.resolved)} incidents resolved"),
        (f"{changes.new} new findings", f"{len(difference.created)} incidents created"),
        (
            f"{changes.worse} findings worse, {changes.deleted} resources deleted",
            f"{len(difference.updated)} incidents updated (the edited one among them)",
        ),
        (f"{ours.number}: a person wrote a new title", f"kept: {ours.title!r}"),
        ("everything else as before", f"{len(difference.unchanged)} incidents not touched"),
    )
    for row in rows:
        table.add_row(*row)
    return table


def check(witness: Witness, changes: Changes, after: Tickets) -> None:
    """Raises DemoFailed unless both sides are in step."""
    ledger = witness.ledger()
    duplicates = sum(table["duplicates"] for table in ledger["tables"].values())
    left = [
        t.number
        for t in after.values()
        if t.open and t.value("recommendation") == changes.fixed_recommendation
    ]
    edited = after.get(changes.edited.sys_id)
    wrong = []
    if duplicates:
        wrong.append(f"{duplicates} duplicate tickets: {ledger['duplicates']}")
    if left:
        wrong.append(f"everything of {changes.fixed_recommendation} is fixed, but {', '.join(left)} are open")
    if edited is None or edited.title != EDIT:
        wrong.append(f"the person's title on {changes.edited.number} was overwritten")
    if wrong:
        raise DemoFailed("; ".join(wrong))


def story(console: Console, facts: dict[str, Any]) -> None:
    """The whole demonstration over a running stack."""
    isthmus = Isthmus(facts["environment"])
    witness = Witness(facts["simulator"]["control"], Path(facts["simulator"]["ca"]))
    console.print(
        f"A tenant with {FINDINGS} assessments, {witness.unhealthy()} of them unhealthy, and an empty"
    )
    console.print("ServiceNow instance. Nothing is written before a person has seen it:")
    plan_and_approve(isthmus)
    console.rule("First sync")
    isthmus.show("sync", "--wait")
    before = witness.tickets()
    console.rule("The world changes")
    changes = change_the_world(witness, before)
    console.print(
        f"Azure: {changes.fixed} findings fixed, {changes.new} new, {changes.worse} worse, "
        f"{changes.deleted} resources deleted. ServiceNow: a person edits {changes.edited.number}."
    )
    seen = witness.tickets()
    console.rule("Second sync")
    isthmus.show("sync", "--wait")
    after = witness.tickets()
    isthmus.show("status")
    console.print(results(changes, compare(seen, after), after))
    check(witness, changes, after)
    incidents = witness.ledger()["tables"]["incident"]
    console.print(
        f"The witness counted {incidents['records']} incidents, {incidents['open']} open, "
        f"{incidents['writes']} writes, {incidents['duplicates']} duplicates."
    )
    console.print(
        f"Logs: {facts['logs']}. `make up` keeps such a stack running; docs/operations.md says more."
    )


def main() -> int:
    """Exit code 0 and the last line `demo: ok` when all went as it should."""
    console = Console(highlight=False)
    try:
        with stack(console) as facts:
            story(console, facts)
    except (DemoFailed, CommandFailed) as error:
        sys.stderr.write(f"demo: failed: {error}\nLogs: {VAR / 'log'}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    sys.stdout.write("demo: ok\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
