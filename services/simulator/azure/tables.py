"""The three tables that can be queried, each bound to the scope of one request."""

from collections.abc import Callable, Sequence
from typing import Any

from services.simulator.azure import rest, rows
from services.simulator.azure.kql.compiler import walk
from services.simulator.azure.kql.hints import Hint
from services.simulator.azure.model import Finding, ManagementGroup, Subscription
from services.simulator.azure.rows import View
from services.simulator.azure.world import World

ASSESSMENTS = "microsoft.security/assessments"


def of_document(column: str, path: tuple[str | int, ...]) -> Callable[[dict[str, Any]], Any]:
    """A getter on whole rows."""
    if not path:
        return lambda row: row.get(column)
    return lambda row: walk(row.get(column), path)


class SecurityResources:
    """Findings; built into whole rows only where something is asked that `rows.FAST` does not know."""

    columns = rows.SECURITY_COLUMNS

    def __init__(self, world: World, scope: Sequence[Subscription], view: View) -> None:
        self._world = world
        self._scope = scope
        self._view = view
        self.slow = world.loaded or view.churn.active

    def fast(self, column: str, path: tuple[str | int, ...]) -> Any:
        whole = (column, *path)
        if self._world.loaded:
            view = self._view
            return lambda finding: walk(rows.assessment(finding, view), whole)
        if path and whole not in rows.FAST:
            self.slow = True
        return rows.fast(whole, self._view)

    def document(self, row: Finding) -> dict[str, Any]:
        return rows.assessment(row, self._view)

    def select(self, hint: Hint) -> tuple[Sequence[Finding], bool]:
        if hint.type not in {None, ASSESSMENTS}:
            return [], True
        if hint.ids is not None:
            allowed = {subscription.id for subscription in self._scope}
            found = {self._world.finding(item) for item in hint.ids}
            present = [item for item in found if item and item.resource.subscription.id in allowed]
            return sorted(present, key=lambda finding: finding.id), True
        if len(self._scope) == 1:
            return self._world.rows(self._scope[0]), True
        return [finding for item in self._scope for finding in self._world.rows(item)], True


class _Documents:
    """A table whose rows are built whole."""

    columns = rows.SECURITY_COLUMNS
    slow = True

    def fast(self, column: str, path: tuple[str | int, ...]) -> Any:
        return of_document(column, path)

    def document(self, row: dict[str, Any]) -> dict[str, Any]:
        return row

    def _all(self, hint: Hint) -> list[dict[str, Any]]:
        raise NotImplementedError

    def select(self, hint: Hint) -> tuple[Sequence[dict[str, Any]], bool]:
        found = self._all(hint)
        if hint.type is not None:
            found = [row for row in found if row["type"] == hint.type]
        if hint.ids is not None:
            wanted = set(hint.ids)
            found = [row for row in found if row["id"].lower() in wanted]
        found.sort(key=lambda row: row["id"])
        return found, True


class ResourceContainers(_Documents):
    """Subscriptions, resource groups and management groups."""

    def __init__(self, scope: Sequence[Subscription], groups: Sequence[ManagementGroup], view: View) -> None:
        self._scope = scope
        self._groups = groups
        self._view = view

    def _all(self, hint: Hint) -> list[dict[str, Any]]:
        found = [rows.subscription_row(item, self._view) for item in self._scope]
        if hint.type != "microsoft.resources/subscriptions":
            found += [
                rows.group_row(item, name, tags, self._view)
                for item in self._scope
                for name, tags in item.resource_groups.items()
            ]
            found += [self._management_group(group) for group in self._groups]
        return found

    def _management_group(self, group: ManagementGroup) -> dict[str, Any]:
        ancestors = [{"displayName": item.display_name, "name": item.name} for item in group.chain()[1:]]
        return rows.envelope(
            {
                "id": f"/providers/Microsoft.Management/managementGroups/{group.name}",
                "name": group.name,
                "type": "microsoft.management/managementgroups",
                "tenantId": self._view.tenant_id,
                "properties": {
                    "displayName": group.display_name,
                    "details": {"managementGroupAncestorsChain": ancestors},
                },
            }
        )


class Resources(_Documents):
    """Azure and Arc resources and the connectors; not what lives in other clouds or on premises."""

    def __init__(self, world: World, scope: Sequence[Subscription], view: View) -> None:
        self._world = world
        self._scope = scope
        self._view = view

    def _all(self, hint: Hint) -> list[dict[str, Any]]:
        allowed = {subscription.id for subscription in self._scope}
        connectors = [
            rows.connector_row(connector, self._view) for item in self._scope for connector in item.connectors
        ]
        if hint.ids is not None:
            found = [self._world.resources.get(item) for item in hint.ids]
            return connectors + [
                rows.resource_row(item, self._view)
                for item in dict.fromkeys(found)
                if item and item.arm_id and item.subscription.id in allowed
            ]
        return connectors + [
            rows.resource_row(resource, self._view)
            for item in self._scope
            for resource in item.resources
            if resource.arm_id
        ]


class SecurityExtras(_Documents):
    """What else `securityresources` holds here: pricings, and the standard assignments that carry exemptions.

    Assessment rows say `Exempt` only; the category stands in the assignment (defender-api §2.9).
    """

    TYPES = ("microsoft.security/pricings", "microsoft.security/standardassignments")

    def __init__(self, world: World, scope: Sequence[Subscription], view: View) -> None:
        self._world = world
        self._scope = scope
        self._view = view

    def _all(self, hint: Hint) -> list[dict[str, Any]]:
        if hint.type == self.TYPES[0]:
            return [
                rows.extra_row(plan, item, self._view)
                for item in self._scope
                for plan in self._world.pricings.get(item.id) or rest.pricings(item)
            ]
        return [
            rows.exemption_row(finding, self._view)
            for item in self._scope
            for finding in self._world.rows(item)
            if finding.cause == "Exempt"
        ]
