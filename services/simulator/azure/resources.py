"""Making one resource of a kind.

Ids in both casings, native names, tags, details as Resource Graph spells them.
"""

import random
import uuid
from collections.abc import Callable

from services.simulator.azure.kinds import Kind
from services.simulator.azure.model import Connector, Resource, Subscription
from services.simulator.azure.tokens import token

LOCATIONS = ("westeurope", "northeurope", "eastus", "eastus2", "uksouth", "japaneast")
_REGIONS = {"aws": ("eu-central-1", "us-east-1", "eu-west-2"), "gcp": ("europe-west3", "us-central1")}
_TEAMS = (
    "Cloud Platform",
    "Database",
    "Network",
    "Service Desk",
    "Hardware",
    "Software",
    "OS & Middleware (München)",
)
_ENVIRONMENTS = ("prod", "test", "dev")
_NO_DASH = frozenset({"storage", "acr", "batch"})


def guid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def tags(rng: random.Random) -> dict[str, str]:
    """Some of owner_group, env, cost_center; often none at all."""
    found: dict[str, str] = {}
    if rng.random() < 0.45:
        found["owner_group"] = rng.choice(_TEAMS)
    if rng.random() < 0.6:
        found["env"] = rng.choice(_ENVIRONMENTS)
    if rng.random() < 0.3:
        found["cost_center"] = f"CC-{rng.randint(1000, 9999)}"
    return found


def make(
    kind: Kind, subscription: Subscription, group: str, connector: Connector | None, rng: random.Random
) -> Resource:
    """A new resource without findings; not yet in the subscription's list."""
    if connector is not None:
        return _cloud(kind, subscription, connector, rng)
    if kind.name.startswith("onprem"):
        return _on_premises(kind, subscription, group, rng)
    return _azure(kind, subscription, group, rng)


def subscription_itself(subscription: Subscription) -> Resource:
    """Identity recommendations sit on the subscription: no resource group, no region, no tags."""
    scope = f"/subscriptions/{subscription.id}"
    details = {
        "Source": "Azure",
        "Id": scope,
        "ResourceType": "microsoft.resources/subscriptions",
        "ResourceProvider": "microsoft.resources",
        "ResourceName": subscription.name,
        "ResourceId": scope,
    }
    return Resource(
        scope,
        "",
        subscription.name,
        subscription.token,
        "subscription",
        "microsoft.resources/subscriptions",
        "Azure",
        "",
        "",
        None,
        subscription,
        None,
        details,
        {},
    )


def _azure(kind: Kind, subscription: Subscription, group: str, rng: random.Random) -> Resource:
    mark = token("c", rng)
    parent = ""
    segments = kind.provider.split("/")
    name = f"{kind.prefix}{'' if kind.name in _NO_DASH else '-'}{mark}"
    if len(segments) == 3:
        parent = f"sql-{mark[3:]}/"
        arm_type = f"{segments[0]}/{segments[1]}/{parent}{segments[2]}/{name}"
    else:
        arm_type = f"{kind.provider}/{name}"
    arm_id = f"/subscriptions/{subscription.id}/resourceGroups/{group}/providers/{arm_type}"
    lowered = arm_id.lower()
    details = {
        "Source": "Azure",
        "Id": lowered,
        "ResourceType": kind.provider.lower(),
        "ResourceProvider": segments[0].lower(),
        "ResourceName": name,
        "ResourceId": lowered,
    }
    properties = (
        {"provisioningState": "Succeeded"}
        if kind.name != "arc"
        else {"status": "Connected", "osType": "linux"}
    )
    return Resource(
        lowered,
        arm_id,
        name,
        mark,
        kind.name,
        kind.provider.lower(),
        "Azure",
        group.lower(),
        rng.choice(LOCATIONS),
        tags(rng),
        subscription,
        None,
        details,
        properties,
    )


def _on_premises(kind: Kind, subscription: Subscription, group: str, rng: random.Random) -> Resource:
    mark = token("c", rng)
    name = f"{kind.prefix}-{mark}.corp.contoso.com"
    workspace = (
        f"/subscriptions/{subscription.id}/resourcegroups/{group.lower()}/providers/"
        f"microsoft.operationalinsights/workspaces/la-{subscription.token}"
    )
    machine = guid(rng)
    resource_id = f"{workspace}/{kind.provider.rsplit('/', 1)[1].lower()}/{name}_{machine}"
    details = {
        "Source": "OnPremise" if kind.name == "onprem" else "OnPremiseSql",
        "WorkspaceId": workspace,
        "VMUUID": machine,
        "SourceComputerId": guid(rng),
        "MachineName": name,
    }
    if kind.name == "onpremsql":
        details |= {"ServerName": f"{name}\\MSSQLSERVER", "DatabaseName": "Größenübersicht"}
    return Resource(
        resource_id,
        "",
        name,
        mark,
        kind.name,
        kind.provider.lower(),
        details["Source"],
        group.lower(),
        "",
        None,
        subscription,
        None,
        details,
        {},
    )


def _aws_native(kind: Kind, connector: Connector, region: str, name: str) -> dict[str, str]:
    arn = f"arn:aws:{kind.name}:{region}:{connector.account}:{kind.provider}/{name}"
    return {"NativeResourceId": arn, "AwsResourceId": arn}


def _gcp_native(kind: Kind, connector: Connector, region: str, name: str) -> dict[str, str]:
    link = f"projects/{connector.account}/locations/{region}/{kind.provider}s/{name}"
    return {"NativeResourceId": link, "GcpResourceId": link}


_NATIVE: dict[str, Callable[[Kind, Connector, str, str], dict[str, str]]] = {
    "aws": _aws_native,
    "gcp": _gcp_native,
}


def _cloud(kind: Kind, subscription: Subscription, connector: Connector, rng: random.Random) -> Resource:
    mark = token("c", rng)
    region = rng.choice(_REGIONS[connector.cloud])
    name = f"{kind.prefix.split('-')[-1]}-{mark}"
    entity = f"{connector.cloud}-{kind.prefix}-{mark}-{region}"
    resource_id = f"{connector.id.lower()}/securityentitydata/{entity}"
    resource_type = f"microsoft.security/securityconnectors/{kind.provider}"
    details = {
        "Source": "Aws" if connector.cloud == "aws" else "Gcp",
        "Id": resource_id,
        "ResourceType": resource_type,
        "ResourceProvider": "microsoft.security",
        "ResourceName": name,
        "ConnectorId": connector.guid,
        "HierarchyId": connector.account,
        "Region": region,
        **_NATIVE[connector.cloud](kind, connector, region, name),
    }
    group = connector.id.split("/")[4].lower()
    return Resource(
        resource_id,
        "",
        name,
        mark,
        kind.name,
        resource_type,
        details["Source"],
        group,
        "",
        None,
        subscription,
        connector,
        details,
        {},
    )
