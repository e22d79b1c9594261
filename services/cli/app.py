"""All commands put together."""

import typer

from services.cli.bootstrap import Tools
from services.cli.commands_connections import connections_app
from services.cli.commands_rules import rules_app
from services.cli.commands_runs import runs_app
from services.cli.commands_runs_start import plan, sync
from services.cli.commands_state import links_app, state_app, status, version
from services.cli.commands_tickets import tickets_app
from services.cli.group import Commands

_HELP = "Isthmus: a bridge between Microsoft Defender for Cloud and ServiceNow."


def build_app() -> typer.Typer:
    """The `isthmus` command. Reads nothing before a command needs it."""
    app = typer.Typer(
        cls=Commands,
        help=_HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(context: typer.Context) -> None:
        context.obj = Tools()

    for command in (plan, sync, status, version):
        app.command(command.__name__)(command)
    app.add_typer(runs_app, name="runs")
    app.add_typer(tickets_app, name="tickets")
    app.add_typer(rules_app, name="rules")
    app.add_typer(connections_app, name="connections")
    app.add_typer(links_app, name="links")
    app.add_typer(state_app, name="state")
    root.__doc__ = _HELP
    return app
