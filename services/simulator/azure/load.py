"""`--load DIR`: given payloads become the world.

Microsoft's example files and plain lists of rows are understood.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from services.simulator.azure import loaded_rows
from services.simulator.azure.loaded_rows import Row
from services.simulator.azure.model import Finding, ManagementGroup, Recommendation, Resource, Subscription
from services.simulator.azure.tokens import token
from services.simulator.azure.world import World


@dataclass(slots=True)
class Payloads:
    """What was found, by type; first come, first served for each id."""

    assessments: dict[str, Row] = field(default_factory=dict)
    metadata: dict[str, Row] = field(default_factory=dict)
    pricings: dict[str, Row] = field(default_factory=dict)
    subscriptions: dict[str, Row] = field(default_factory=dict)
    resources: dict[str, Row] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        kind = str(row.get("type", "")).lower()
        row_id = str(row.get("id", "")).lower()
        if not kind or not row_id:
            return
        if kind == "microsoft.security/assessments":
            self.assessments.setdefault(row_id, row)
        elif kind == "microsoft.security/assessmentmetadata":
            self.metadata.setdefault(str(row["name"]).lower(), row)
        elif kind == "microsoft.security/pricings":
            self.pricings.setdefault(row_id, row)
        elif kind == "microsoft.resources/subscriptions":
            self.subscriptions.setdefault(row_id, row)
        elif not kind.startswith("microsoft.security/"):
            self.resources.setdefault(row_id, row)


def load(directory: Path, tenant_id: str, seed: int) -> World:
    """The world in all *.json files below the directory. Raises ValueError naming a file that is no JSON."""
    payloads = Payloads()
    for path in sorted(directory.rglob("*.json")):
        try:
            content = msgspec.json.decode(path.read_bytes())
        except msgspec.MsgspecError as error:
            raise ValueError(f"--load: {path} is not JSON: {error}") from error
        for row in _rows(content):
            payloads.add(row)
    return _World(payloads, tenant_id, seed).build()


def _rows(content: Any) -> Iterator[Row]:
    """Rows of an example file (`responses.200.body`), an answer (`value`, `data`), a list, or one row."""
    if isinstance(content, list):
        yield from (item for item in content if isinstance(item, dict))
    elif isinstance(content, dict):
        if "responses" in content:
            for response in content["responses"].values():
                yield from _rows(response.get("body"))
        elif isinstance(content.get("value", content.get("data")), list):
            yield from _rows(content.get("value", content.get("data")))
        elif "id" in content and "type" in content:
            yield content


class _World:
    def __init__(self, payloads: Payloads, tenant_id: str, seed: int) -> None:
        self._payloads = payloads
        self._rng = random.Random(f"{seed}/load")
        self._world = World(tenant_id, loaded=True)
        root = ManagementGroup(tenant_id, "Tenant Root Group", None)
        self._group = ManagementGroup("contoso", "Contoso", root)
        self._world.groups = {tenant_id.lower(): root, "contoso": self._group}

    def build(self) -> World:
        world = self._world
        for key, row in self._payloads.metadata.items():
            world.recommendations[key] = loaded_rows.recommendation(key, row.get("properties") or {})
        for row in self._payloads.subscriptions.values():
            self._subscription(loaded_rows.subscription_of(row) or str(row["name"]), row)
        for row in self._payloads.assessments.values():
            self._assessment(row)
        for row_id, row in self._payloads.resources.items():
            self._resource_row(row_id, row)
        for row in self._payloads.pricings.values():
            scope = loaded_rows.subscription_of(row)
            if scope is not None:
                world.pricings.setdefault(self._subscription(scope).id, []).append(row)
        world.subscriptions = dict(sorted(world.subscriptions.items()))
        return world

    def _subscription(self, given: str, row: Row | None = None) -> Subscription:
        known = self._world.subscriptions.get(given.lower())
        if known is not None:
            return known
        mark = token("s", self._rng)
        properties = (row or {}).get("properties") or {}
        name = str((row or {}).get("name") or f"Loaded subscription {mark}")
        made = Subscription(
            given.lower(),
            name,
            mark,
            self._group,
            properties.get("state", "Enabled"),
            (row or {}).get("tags") or {},
            cspm=False,
        )
        self._world.subscriptions[made.id] = made
        return made

    def _assessment(self, given: Row) -> None:
        row = loaded_rows.graph_row(given, self._world.tenant_id, self._payloads.metadata)
        subscription_id = loaded_rows.subscription_of(row)
        if subscription_id is None:
            return
        subscription = self._subscription(subscription_id)
        key = str(row.get("name") or str(row["id"]).rsplit("/", 1)[-1]).lower()
        properties = loaded_rows.properties_of(row)
        recommendation = self._world.recommendations.get(key)
        if recommendation is None:
            recommendation = loaded_rows.recommendation(
                key, {"displayName": properties.get("displayName", key)}
            )
            recommendation.documented = False
            self._world.recommendations[key] = recommendation
        resource = self._resource(row, subscription)
        resource.findings[key] = self._finding(row, resource, recommendation)

    def _resource(self, row: Row, subscription: Subscription) -> Resource:
        resource_id = loaded_rows.assessed(row)
        known = self._world.resources.get(resource_id.lower())
        if known is not None:
            return known
        details = loaded_rows.properties_of(row).get("resourceDetails") or {}
        source = str(details.get("Source", "Azure"))
        kind, name = loaded_rows.type_and_name(resource_id)
        has_row = source == "Azure" and kind != "microsoft.resources/subscriptions"
        made = Resource(
            resource_id,
            resource_id if has_row else "",
            name,
            "",
            "loaded",
            kind,
            source,
            loaded_rows.group_of(resource_id),
            "westeurope",
            None,
            subscription,
            None,
            details,
            {},
        )
        self._world.add_resource(made)
        if made.group:
            subscription.resource_groups.setdefault(made.group, {})
        return made

    def _finding(self, row: Row, resource: Resource, recommendation: Recommendation) -> Finding:
        properties = loaded_rows.properties_of(row)
        status = properties.get("status") or {}
        changed, first = loaded_rows.times(status)
        level = (properties.get("risk") or {}).get("level")
        return Finding(
            resource,
            recommendation,
            str(status.get("code", "")),
            status.get("cause"),
            status.get("description"),
            changed,
            first,
            level,
            (),
            0,
            extra=row,
        )

    def _resource_row(self, row_id: str, row: Row) -> None:
        known = self._world.resources.get(row_id)
        if known is None:
            subscription_id = loaded_rows.subscription_of(row)
            if subscription_id is None:
                return
            kind, name = loaded_rows.type_and_name(str(row["id"]))
            known = Resource(
                str(row["id"]),
                str(row["id"]),
                name,
                "",
                "loaded",
                kind,
                "Azure",
                loaded_rows.group_of(row_id),
                "",
                None,
                self._subscription(subscription_id),
                None,
                {},
                {},
            )
            self._world.add_resource(known)
        known.arm_id = str(row["id"])
        known.tags = row.get("tags")
        known.location = str(row.get("location") or "")
        known.properties = row.get("properties") or {}
