"""Putting resources and findings into a subscription until it holds its share."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from services.simulator.azure import kinds, resources, ticks
from services.simulator.azure.model import Connector, Finding, Recommendation, Resource, Subscription
from services.simulator.azure.world import World

RISKS = ("None", "Low", "Medium", "High", "Critical")
_RISK_WEIGHTS = {"High": (2, 8, 30, 45, 15), "Medium": (5, 30, 45, 18, 2), "Low": (25, 60, 13, 2, 0)}
FACTORS = (
    "Exposure to the internet", "Sensitive data", "Lateral movement", "Critical resource", "Vulnerabilities",
    "Privileged identity",
)  # fmt: skip
_OFF = (
    "The effective policy for the assessment was evaluated to off - use "
    "Microsoft.Authorization/policyAssignments to turn this assessment on"
)
_CAUSES = (
    ("OffByPolicy", _OFF),
    ("OffByPolicy", _OFF),
    ("Exempt", "The resource is exempt from this recommendation (Waiver)"),
    ("NotSupported", "This recommendation does not apply to the resource's configuration"),
)


class Filler:
    """Makes resources and findings. `present` is the moment before which all of them happened."""

    def __init__(self, world: World, present: datetime) -> None:
        self._world = world
        self._present = present
        self._by_kind: dict[str, list[Recommendation]] = {}
        for recommendation in world.recommendations.values():
            for kind in recommendation.kinds:
                self._by_kind.setdefault(kind, []).append(recommendation)

    def fill(self, subscription: Subscription, quota: int, rng: random.Random) -> list[Finding]:
        """Add exactly `quota` findings; returns them."""
        made: list[Finding] = []
        for resource in self._resources(subscription, rng):
            room = quota - len(made)
            if room <= 0:
                break
            chosen = self._assessed(resource.kind, rng)[:room]
            if chosen:
                self._world.add_resource(resource)
                made.extend(self.finding(resource, recommendation, rng) for recommendation in chosen)
        self._world.touch(subscription, rows=True)
        return made

    def _resources(self, subscription: Subscription, rng: random.Random) -> Iterator[Resource]:
        """The subscription itself, then an endless mixture."""
        own = f"/subscriptions/{subscription.id}"
        if own not in self._world.resources:
            yield resources.subscription_itself(subscription)
        while True:
            if len(subscription.resource_groups) < 3 + len(subscription.resources) // 25:
                number = len(subscription.resource_groups)
                subscription.resource_groups[
                    f"RG-{('App', 'Data', 'Net', 'Größe')[number % 4]}-{number:03d}"
                ] = resources.tags(rng)
            group = rng.choice([name for name in subscription.resource_groups if name != "rg-multicloud"])
            kind, connector = self._kind(subscription, rng)
            yield resources.make(kind, subscription, group, connector, rng)

    def _kind(self, subscription: Subscription, rng: random.Random) -> tuple[kinds.Kind, Connector | None]:
        draw = rng.random()
        if subscription.connectors and draw < 0.4:
            connector = rng.choice(subscription.connectors)
            return _weighted(kinds.AWS if connector.cloud == "aws" else kinds.GCP, rng), connector
        if draw > 0.97:
            return _weighted(kinds.ON_PREMISES, rng), None
        return _weighted(kinds.AZURE, rng), None

    def _assessed(self, kind: str, rng: random.Random) -> list[Recommendation]:
        return [
            item for item in self._by_kind.get(kind, []) if not item.retired and rng.random() < item.share
        ]

    def finding(self, resource: Resource, recommendation: Recommendation, rng: random.Random) -> Finding:
        """One finding: about 55% Unhealthy, 35% Healthy, 10% NotApplicable."""
        draw = rng.random()
        code, cause, description = "Unhealthy", None, None
        if draw >= 0.9:
            code = "NotApplicable"
            cause, description = rng.choice(_CAUSES)
        elif draw >= 0.55:
            code = "Healthy"
        changed = self._past(rng, 120)
        first = changed - rng.randrange(0, 200 * 86_400 * 10_000_000)
        risk: str | None = None
        factors: tuple[str, ...] = ()
        if resource.subscription.cspm:
            weights = _RISK_WEIGHTS.get(recommendation.severity or "Low", _RISK_WEIGHTS["Low"])
            risk = rng.choices(RISKS, weights)[0]
            if risk in {"High", "Critical"}:
                factors = tuple(rng.sample(FACTORS, rng.randint(1, 4)))
        paths = rng.randrange(1, 1000) if risk == "Critical" else 0
        finding = Finding(
            resource, recommendation, code, cause, description, changed, first, risk, factors, paths
        )
        resource.findings[recommendation.key] = finding
        return finding

    def _past(self, rng: random.Random, days: int) -> int:
        moment = self._present - timedelta(seconds=rng.randrange(86_400, days * 86_400))
        return ticks.ticks(moment) + rng.randrange(10_000_000)


def _weighted(choices: tuple[kinds.Kind, ...], rng: random.Random) -> kinds.Kind:
    return rng.choices(choices, [kind.weight for kind in choices])[0]
