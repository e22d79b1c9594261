"""`isthmus plan` and `isthmus sync`."""

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TextIO

import typer

from common.operate.holding import held_rows
from common.operate.plan_reports import PlanReport, csv_rows, plan_report
from common.operate.run_reports import RunReport, report
from common.operate.starting import ask_for_run, who_am_i
from common.state.runs import COMPLETE, PARTIAL, PLANNED
from common.state.store import Store
from services.cli import errors
from services.cli.follow import Follower
from services.cli.options import PATIENCE, Json, Name, Patience, tools_of
from services.cli.output import print_json, remark, say
from services.cli.show_plan import show_plan
from services.cli.show_run import show_held, show_run, show_trouble

Csv = Annotated[
    str | None, typer.Option("--csv", metavar="FILE", help="One line for each ticket; `-` is stdout.")
]
_COLUMNS = (
    "rule", "what", "wanted", "reason", "type", "ticket", "findings", "severity", "risk", "grouping", "group",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def plan(
    context: typer.Context,
    connection: Name = None,
    as_json: Json = False,
    to_csv: Csv = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end.")] = True,
    patience: Patience = PATIENCE,
) -> int:
    """Show what would be written and why; writes nothing. Exit code 2 when there is something to do."""
    if as_json and to_csv == "-":
        raise errors.Usage("--json and --csv - both want stdout: give --csv a file.")
    if to_csv and not wait:
        raise errors.Usage("--csv needs the plan's end: leave out --no-wait.")
    tools = tools_of(context)
    name = tools.one(connection).id
    if not wait:
        return _asked(context, name, "plan", as_json=as_json)
    run = Follower(tools, name, patience).fresh("plan", who_am_i(), "isthmus plan")
    planned = plan_report(tools.store, name, run)
    if planned.run.status != PLANNED:
        return _failed(planned.run, planned if as_json else None)
    if to_csv:
        _write_csv(to_csv, csv_rows(tools.store, name, run))
    if as_json:
        print_json(planned)
    elif to_csv != "-":
        show_plan(planned)
    return errors.SOMETHING_TO_DO if planned.todo else errors.OK


def sync(
    context: typer.Context,
    connection: Name = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run to its end.")] = False,
    as_json: Json = False,
    patience: Patience = PATIENCE,
) -> int:
    """Bring ServiceNow up to date with what is approved."""
    tools = tools_of(context)
    name = tools.one(connection).id
    if not wait:
        return _asked(context, name, "live", as_json=as_json)
    run = Follower(tools, name, patience).fresh("live", who_am_i(), "isthmus sync", join=True)
    return ended(tools.store, name, run, as_json=as_json)


def ended(store: Store, connection: str, run: str, *, as_json: bool) -> int:
    """Show how a live run ended; answers the exit code."""
    told = report(store, connection, run)
    if told.status not in (COMPLETE, PARTIAL):
        return _failed(told, told if as_json else None)
    if as_json:
        print_json(told)
    else:
        show_run(told)
        show_held(held_rows(store, connection, run), run)
    return errors.NEEDS_PERSON if told.needs_person else errors.OK


def _asked(context: typer.Context, name: str, mode: str, *, as_json: bool) -> int:
    tools = tools_of(context)
    run = ask_for_run(tools.post, name, mode, who_am_i(), f"isthmus {'plan' if mode == 'plan' else 'sync'}")
    if as_json:
        told = plan_report if mode == "plan" else report
        print_json(told(tools.store, name, run))
    else:
        say(f"Run {run} is asked for; `isthmus runs show {run}` shows what becomes of it.")
    return errors.OK


def _failed(told: RunReport, document: PlanReport | RunReport | None) -> int:
    if document is not None:
        print_json(document)
    show_trouble(told)
    return errors.FAILED


def _write_csv(target: str, rows: Iterable[dict[str, str | int]]) -> None:
    if target == "-":
        _rows_to(sys.stdout, rows)
        return
    with Path(target).open("w", encoding="utf-8", newline="") as file:
        _rows_to(file, rows)
    remark(f"Wrote {target}.")


def _rows_to(file: TextIO, rows: Iterable[dict[str, str | int]]) -> None:
    writer = csv.DictWriter(file, _COLUMNS)
    writer.writeheader()
    writer.writerows({name: _inert(value) for name, value in row.items()} for row in rows)


def _inert(value: str | int) -> str | int:
    """A value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
