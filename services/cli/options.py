"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

from common.operate.starting import who_am_i
from services.cli.bootstrap import Tools

Name = Annotated[
    str | None,
    typer.Option("--connection", "-c", metavar="ID", help="A connection of connections.yaml."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout (docs/cli.md).")]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who decides, for the audit. Default: your user.")
]
Patience = Annotated[
    float,
    typer.Option("--patience", metavar="SECONDS", min=1, help="How long to wait for the run to begin."),
]
Rules = Annotated[
    Path | None,
    typer.Option("--rules", metavar="FILE", help="A rule file instead of the connection's."),
]
PATIENCE = 60.0


def tools_of(context: typer.Context) -> Tools:
    """What the root command has put there."""
    found = context.obj
    if not isinstance(found, Tools):
        raise TypeError("the root command has not run")
    return found


def name_of(by: str | None) -> str:
    """A name for the audit."""
    return (by or "").strip()[:128] or who_am_i()
