"""`isthmus runs`: list, show, approve, reject."""

from typing import Annotated, Any

import msgspec
import typer

from common.operate.approving import Approving, Wish
from common.operate.holding import held_rows
from common.operate.plan_reports import plan_report
from common.operate.run_reports import report, run_lines
from common.state.runs import PLANNED
from services.cli import errors
from services.cli.options import By, Json, Name, name_of, tools_of
from services.cli.output import print_json, say
from services.cli.show_plan import show_plan
from services.cli.show_run import show_held, show_run, show_runs

Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or `latest`.")]
runs_app = typer.Typer(no_args_is_help=True, help="Runs: what they did, what they hold, approvals.")


@runs_app.command("list")
def list_runs(
    context: typer.Context,
    connection: Name = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many of each connection.")] = 20,
    as_json: Json = False,
) -> int:
    """The latest runs, newest first."""
    tools = tools_of(context)
    lines = [line for name in tools.some(connection) for line in run_lines(tools.store, name, limit)]
    lines.sort(key=lambda line: line.started or "", reverse=True)
    if as_json:
        print_json({"runs": lines})
    elif lines:
        show_runs(lines)
    else:
        say("No run yet; `isthmus plan` makes the first.")
    return errors.OK


@runs_app.command("show")
def show(context: typer.Context, run: Run, connection: Name = None, as_json: Json = False) -> int:
    """Everything about a run: ledgers, requests, scope, reasons, what it holds, what it plans."""
    tools = tools_of(context)
    found = tools.run(run, connection)
    told = report(tools.store, found.connection, found.run)
    held = held_rows(tools.store, found.connection, found.run)
    planned = plan_report(tools.store, found.connection, found.run) if told.mode == "plan" else None
    if as_json:
        document: dict[str, Any] = msgspec.to_builtins(told)
        document["holds"] = held
        document["plan"] = _without_run(planned) if planned else None
        print_json(document)
        return errors.OK
    if planned and told.status == PLANNED:
        show_plan(planned)
        return errors.OK
    show_run(told)
    show_held(held, found.run)
    return errors.OK


@runs_app.command("approve")
def approve(
    context: typer.Context,
    run: Run,
    connection: Name = None,
    up_to: Annotated[
        int | None, typer.Option("--up-to", min=0, help="Release so many held tickets at most, worst first.")
    ] = None,
    rule: Annotated[str, typer.Option(metavar="ID", help="This rule only.")] = "",
    by: By = None,
    as_json: Json = False,
) -> int:
    """Approve a plan's rules and subscriptions, or release what a run holds above a cap."""
    tools = tools_of(context)
    found = tools.run(run, connection)
    done = Approving(tools.store, found.connection).approve(found.run, Wish(name_of(by), up_to, rule))
    if as_json:
        print_json(done)
        return errors.OK
    rules = ", ".join(done.rules) if done.rules else "no rule changed"
    say(f"Approved run {done.run} of {done.connection} by {done.by}.")
    say(f"Rules: {rules}. Subscriptions: {done.subscriptions}.")
    if done.creates_released or done.rewrites_released or done.resolves_released or done.still_held:
        say(
            f"Released above the caps: {done.creates_released} creates, {done.rewrites_released} rewrites,"
            f" {done.resolves_released} resolves; {done.still_held} stay held."
        )
    say(f"Next: {done.next}")
    return errors.OK


@runs_app.command("reject")
def reject(
    context: typer.Context, run: Run, connection: Name = None, by: By = None, as_json: Json = False
) -> int:
    """Say no to a plan or to what a run holds; held tickets stay held."""
    tools = tools_of(context)
    found = tools.run(run, connection)
    done = Approving(tools.store, found.connection).reject(found.run, name_of(by))
    if as_json:
        print_json(done)
    else:
        say(
            f"Rejected run {done.run} of {done.connection} by {done.by}; {done.still_held} tickets stay held."
        )
    return errors.OK


def _without_run(planned: Any) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(planned)
    del document["run"]
    return document
