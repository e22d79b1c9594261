"""A tenant that is true to life, byte for byte the same for the same seed and number of findings."""

import random
from datetime import UTC, datetime

from services.simulator.azure import catalog, resources
from services.simulator.azure.fill import Filler
from services.simulator.azure.model import Connector, ManagementGroup, Subscription
from services.simulator.azure.tokens import token
from services.simulator.azure.world import World

BASE = datetime(2025, 6, 30, 4, 0, tzinfo=UTC)
"""The generated world's present: fixed, so that two starts give the same bytes."""

_GROUPS = (
    ("contoso", "Contoso Gruppe", None),
    ("platform", "Platform", "contoso"),
    ("landing-zones", "Landing Zones", "contoso"),
    ("corp", "Corp", "landing-zones"),
    ("online", "Online (Außenauftritt)", "landing-zones"),
    ("sandbox", "Sandbox", "contoso"),
)
_HOMES = ("corp", "online", "platform", "corp", "sandbox", "online", "landing-zones")
_PURPOSES = (
    "Payments",
    "Identity",
    "Data Lake",
    "Webshop",
    "Connectivity",
    "Forschung & Entwicklung",
    "会計システム",
    "SAP",
)


def generate(tenant_id: str, seed: int, findings: int) -> World:
    """`findings` counts assessment rows of every status."""
    rng = random.Random(f"{seed}/world/{findings}")
    world = World(tenant_id)
    for recommendation in catalog.load_catalog(seed):
        world.recommendations[recommendation.key] = recommendation
    _groups(world)
    count = 1 if findings < 20 else max(2, findings // 2000)
    subscriptions = [_subscription(world, index, rng) for index in range(count)]
    for index, subscription in enumerate(subscriptions):
        _connectors(subscription, index, rng)
    world.subscriptions = {item.id: item for item in sorted(subscriptions, key=lambda item: item.id)}
    filler = Filler(world, BASE)
    for subscription, quota in zip(subscriptions, quotas(findings, count), strict=True):
        filler.fill(subscription, quota, rng)
    return world


def quotas(findings: int, count: int) -> list[int]:
    """Skewed sizes that add up to `findings`: the first subscription is the largest."""
    weights = [1 / (index + 1) ** 0.7 for index in range(count)]
    total = sum(weights)
    sizes = [int(findings * weight / total) for weight in weights]
    sizes[0] += findings - sum(sizes)
    return sizes


def _groups(world: World) -> None:
    root = ManagementGroup(world.tenant_id, "Tenant Root Group", None)
    world.groups[root.name.lower()] = root
    for name, display_name, parent in _GROUPS:
        world.groups[name] = ManagementGroup(name, display_name, world.groups[parent] if parent else root)


def _subscription(world: World, index: int, rng: random.Random) -> Subscription:
    mark = token("s", rng)
    purpose = _PURPOSES[index % len(_PURPOSES)]
    environment = ("Production", "Test", "Development")[index % 3]
    return Subscription(
        id=resources.guid(rng),
        name=f"{purpose} {environment} {mark}",
        token=mark,
        group=world.groups[_HOMES[index % len(_HOMES)]],
        state="Enabled",
        tags=resources.tags(rng),
        cspm=index % 3 != 1,
    )


def _connectors(subscription: Subscription, index: int, rng: random.Random) -> None:
    """The first subscriptions, and every fifth, host an AWS account or a GCP project."""
    clouds = {0: ("aws",), 1: ("gcp",)}.get(index, ("aws", "gcp") if index % 5 == 0 else ())
    for cloud in clouds:
        mark = token("a", rng)
        account = str(rng.randrange(10**11, 10**12))
        name = f"{cloud}-{mark}"
        subscription.connectors.append(
            Connector(
                id=f"/subscriptions/{subscription.id}/resourceGroups/rg-multicloud/providers/"
                f"Microsoft.Security/securityConnectors/{name}",
                name=name,
                token=mark,
                guid=resources.guid(rng),
                cloud=cloud,
                account=account,
                subscription=subscription,
            )
        )
    if clouds:
        subscription.resource_groups["rg-multicloud"] = {}
