"""`isthmus tickets`: list and show."""

from typing import Annotated

import typer

from common.operate.ticket_reports import find_group, ticket_list, ticket_report
from services.cli import errors
from services.cli.options import Json, Name, tools_of
from services.cli.output import print_json
from services.cli.show_tickets import show_ticket, show_tickets

tickets_app = typer.Typer(no_args_is_help=True, help="Tickets, on both sides.")


@tickets_app.command("list")
def list_tickets(
    context: typer.Context,
    connection: Name = None,
    rule: Annotated[str, typer.Option(metavar="ID", help="Tickets of this rule only.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Closed and deleted ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many, the worst first.")] = 50,
    as_json: Json = False,
) -> int:
    """Open tickets, the worst first."""
    tools = tools_of(context)
    found = ticket_list(tools.store, tools.some(connection), rule=rule, everything=everything, limit=limit)
    if as_json:
        print_json(found)
    else:
        show_tickets(found)
    return errors.OK


@tickets_app.command("show")
def show(
    context: typer.Context,
    ticket: Annotated[
        str, typer.Argument(metavar="NUMBER|GROUP", help="A ticket's number, or a group's id.")
    ],
    connection: Name = None,
    as_json: Json = False,
) -> int:
    """A ticket in ServiceNow, and the findings that it stands for."""
    tools = tools_of(context)
    owner, group = find_group(tools.store, ticket, tools.some(connection))
    configured = tools.connections.get(owner)
    found = ticket_report(tools.store, owner, group, configured.servicenow.url if configured else "")
    if as_json:
        print_json(found)
    else:
        show_ticket(found)
    return errors.OK
