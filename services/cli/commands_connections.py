"""`isthmus connections`: list, pause, resume."""

from typing import Annotated, Any

import typer

from common.settings.connection import Connection
from common.state.approvals import Approvals
from common.state.register import Register
from services.cli import errors
from services.cli.bootstrap import Tools
from services.cli.options import By, Json, name_of, tools_of
from services.cli.output import cell, print_json, say, stdout, table

Named = Annotated[str, typer.Argument(metavar="ID", help="A connection of connections.yaml.")]
connections_app = typer.Typer(no_args_is_help=True, help="Connections: what there is, pause, resume.")


@connections_app.command("list")
def list_connections(context: typer.Context, as_json: Json = False) -> int:
    """Every connection of connections.yaml."""
    tools = tools_of(context)
    found = [_document(tools, one) for one in tools.connections.values()]
    if as_json:
        print_json({"connections": found})
        return errors.OK
    listed = table("Connection", "Enabled", "Paused", "Approved", "Tenant", "ServiceNow", "Scope", "Schedule")
    for one in found:
        flags = ("yes" if one[name] else "no" for name in ("enabled", "paused", "approved"))
        groups, subscriptions = len(one["management_groups"]), len(one["subscriptions"])
        scope = f"{groups} management groups, {subscriptions} subscriptions"
        texts = (one["tenant"], one["servicenow"], scope, one["schedule"])
        listed.add_row(*map(cell, (one["connection"], *flags, *texts)))
    stdout().print(listed)
    return errors.OK


@connections_app.command("pause")
def pause(context: typer.Context, connection: Named, by: By = None, as_json: Json = False) -> int:
    """Stop reading and writing within seconds; nothing is lost."""
    return _switch(context, connection, by, paused=True, as_json=as_json)


@connections_app.command("resume")
def resume(context: typer.Context, connection: Named, by: By = None, as_json: Json = False) -> int:
    """Let a paused connection go on."""
    return _switch(context, connection, by, paused=False, as_json=as_json)


def _switch(context: typer.Context, name: str, by: str | None, *, paused: bool, as_json: bool) -> int:
    tools = tools_of(context)
    one = tools.one(name)
    register = Register(tools.store, one.id)
    if register.paused() != paused:
        (register.pause if paused else register.resume)(name_of(by))
    if as_json:
        print_json({"connection": one.id, "paused": paused})
    elif paused:
        say(f"Connection {one.id} is paused. Next: isthmus connections resume {one.id}")
    else:
        say(f"Connection {one.id} goes on.")
    return errors.OK


def _document(tools: Tools, one: Connection) -> dict[str, Any]:
    register = Register(tools.store, one.id)
    return {
        "connection": one.id,
        "enabled": one.enabled,
        "paused": register.paused(),
        "approved": Approvals(register).any(),
        "cloud": one.azure.cloud,
        "tenant": one.azure.tenant_id,
        "servicenow": one.servicenow.url,
        "management_groups": list(one.scope.management_groups),
        "subscriptions": list(one.scope.subscriptions),
        "exclude": list(one.scope.exclude),
        "rules": str(one.rules),
        "schedule": one.schedule.text,
    }
