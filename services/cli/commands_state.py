"""`isthmus status`, `links rebuild`, `state export`, `version`."""

import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from common.operate.exporting import export
from common.operate.run_reports import report
from common.operate.starting import ask_for_run, forget_links
from common.operate.statuses import status_of
from common.runtime.version import VERSION
from services.cli import errors
from services.cli.commands_runs_start import ended
from services.cli.follow import Follower
from services.cli.options import PATIENCE, By, Json, Name, Patience, name_of, tools_of
from services.cli.output import print_json, remark, say
from services.cli.show_status import show_status

links_app = typer.Typer(no_args_is_help=True, help="Links between findings and tickets.")
state_app = typer.Typer(no_args_is_help=True, help="State that only Redis knows.")


def status(context: typer.Context, connection: Name = None, as_json: Json = False) -> int:
    """Where each connection stands."""
    tools = tools_of(context)
    found = [status_of(tools.store, name) for name in tools.some(connection)]
    if as_json:
        print_json({"connections": found})
    else:
        show_status(found)
    return errors.OK


@links_app.command("rebuild")
def rebuild(
    context: typer.Context,
    connection: Name = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run to its end.")] = False,
    by: By = None,
    as_json: Json = False,
    patience: Patience = PATIENCE,
) -> int:
    """Read all tickets again and make the links anew; no ticket is created before that is done."""
    tools = tools_of(context)
    name, who = tools.one(connection).id, name_of(by)
    forget_links(tools.store, name, who)
    if wait:
        run = Follower(tools, name, patience).fresh("live", who, "isthmus links rebuild", join=True)
        return ended(tools.store, name, run, as_json=as_json)
    run = ask_for_run(tools.post, name, "live", who, "isthmus links rebuild")
    if as_json:
        print_json(report(tools.store, name, run))
    else:
        say(f"Run {run} is asked for and reads every ticket; `isthmus runs show {run}` shows how far it is.")
    return errors.OK


@state_app.command("export")
def export_state(
    context: typer.Context,
    connection: Name = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Default: stdout.")] = None,
) -> int:
    """Approvals, holds, dead letters, detaches, audit and writes as JSON; no secrets."""
    tools = tools_of(context)
    document = msgspec.json.format(msgspec.json.encode(export(tools.store, tools.some(connection))), indent=2)
    if output is None:
        sys.stdout.write(document.decode() + "\n")
        return errors.OK
    _replace(output, document + b"\n")
    remark(f"Wrote {output}.")
    return errors.OK


def version(as_json: Json = False) -> int:
    """The version that is installed."""
    if as_json:
        print_json({"version": VERSION, "python": platform.python_version()})
    else:
        say(f"isthmus {VERSION} (Python {platform.python_version()})")
    return errors.OK


def _replace(target: Path, content: bytes) -> None:
    """Write a file as a whole or not at all, readable by its owner only."""
    handle, temporary = tempfile.mkstemp(dir=target.absolute().parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(target)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
