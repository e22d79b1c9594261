"""The tenant: what exists, found by scope, id and key. `version` grows with every change."""

from collections.abc import Iterable, Iterator

from services.simulator.azure.model import (
    ASSESSMENT,
    Finding,
    ManagementGroup,
    Recommendation,
    Resource,
    Subscription,
)

_MARK = ASSESSMENT.lower()


class World:
    """All state of the Azure side except tokens and quotas. `loaded`: rows are served as they were given."""

    def __init__(self, tenant_id: str, *, loaded: bool = False) -> None:
        self.tenant_id = tenant_id
        self.loaded = loaded
        self.version = 0
        self.groups: dict[str, ManagementGroup] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.recommendations: dict[str, Recommendation] = {}
        self.resources: dict[str, Resource] = {}
        self.pricings: dict[str, list[dict[str, object]]] = {}

    def touch(self, subscription: Subscription | None = None, *, rows: bool = False) -> None:
        """Something changed; `rows` when findings came or went in that subscription."""
        self.version += 1
        if subscription is not None and rows:
            subscription.sorted_rows = None

    def add_resource(self, resource: Resource) -> None:
        """Put a resource into its subscription and the index of ids."""
        resource.subscription.resources.append(resource)
        self.resources[resource.id.lower()] = resource

    def remove_resource(self, resource: Resource) -> None:
        """The resource and its findings are gone."""
        resource.subscription.resources.remove(resource)
        self.resources.pop(resource.id.lower(), None)
        self.touch(resource.subscription, rows=True)

    def rows(self, subscription: Subscription) -> list[Finding]:
        """The findings that exist in a subscription, sorted by id; none when it is disabled."""
        if subscription.state != "Enabled":
            return []
        if subscription.sorted_rows is None:
            found = [
                finding
                for resource in subscription.resources
                for finding in resource.findings.values()
                if not finding.recommendation.retired
            ]
            found.sort(key=lambda finding: finding.id)
            subscription.sorted_rows = found
        return subscription.sorted_rows

    def finding(self, assessment_id: str) -> Finding | None:
        """The finding with this id in any casing, if it exists now."""
        resource_id, mark, key = assessment_id.lower().rpartition(_MARK)
        resource = self.resources.get(resource_id) if mark else None
        finding = resource.findings.get(key) if resource else None
        if (
            finding is None
            or finding.recommendation.retired
            or finding.resource.subscription.state != "Enabled"
        ):
            return None
        return finding

    def all_findings(self) -> Iterator[Finding]:
        """Every finding, by subscription and id."""
        for subscription in list(self.subscriptions.values()):
            yield from self.rows(subscription)

    def under(self, group_names: Iterable[str]) -> list[Subscription]:
        """Subscriptions at or below these management groups, in order of id."""
        wanted = {name.lower() for name in group_names}
        return [
            subscription
            for subscription in self.subscriptions.values()
            if any(group.name.lower() in wanted for group in subscription.group.chain())
        ]
