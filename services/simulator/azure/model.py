"""What exists in the simulated tenant. Plain mutable objects: a change is one synchronous function."""

from dataclasses import dataclass, field
from typing import Any

ASSESSMENT = "/providers/Microsoft.Security/assessments/"


@dataclass(slots=True, eq=False)
class Recommendation:
    """An assessment metadata entry (not `documented`: known from rows only).

    `severity` is None for some custom ones; `kinds` name the resources it assesses.
    """

    key: str
    title: str
    token: str
    severity: str | None
    categories: tuple[str, ...]
    kinds: tuple[str, ...]
    share: float
    preview: bool
    custom: bool
    description: str
    remediation: str | None
    policy_id: str | None
    threats: tuple[str, ...]
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    user_impact: str | None
    effort: str | None
    extra: dict[str, Any] = field(default_factory=dict)
    retired: bool = False
    documented: bool = True


@dataclass(slots=True, eq=False)
class ManagementGroup:
    """`parent` is None for the tenant root group."""

    name: str
    display_name: str
    parent: "ManagementGroup | None"

    def chain(self) -> "list[ManagementGroup]":
        """This group and its ancestors, nearest first."""
        return [self, *(self.parent.chain() if self.parent else [])]


@dataclass(slots=True, eq=False)
class Subscription:
    id: str
    name: str
    token: str
    group: ManagementGroup
    state: str
    tags: dict[str, str]
    cspm: bool
    resource_groups: dict[str, dict[str, str]] = field(default_factory=dict)
    resources: "list[Resource]" = field(default_factory=list)
    connectors: "list[Connector]" = field(default_factory=list)
    sorted_rows: "list[Finding] | None" = None


@dataclass(slots=True, eq=False)
class Connector:
    """A security connector: an AWS account or a GCP project under one subscription."""

    id: str
    name: str
    token: str
    guid: str
    cloud: str
    account: str
    subscription: Subscription


@dataclass(slots=True, eq=False)
class Resource:
    """`id` is in the casing of assessments, `arm_id` in that of `resources` ("" when it has no row there)."""

    id: str
    arm_id: str
    name: str
    token: str
    kind: str
    type: str
    source: str
    group: str
    location: str
    tags: dict[str, str] | None
    subscription: Subscription
    connector: Connector | None
    details: dict[str, Any]
    properties: dict[str, Any]
    findings: "dict[str, Finding]" = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Finding:
    """One assessment row.

    Times are .NET-like ticks (100 ns) since 1970; `extra` holds what a loaded payload adds.
    """

    resource: Resource
    recommendation: Recommendation
    code: str
    cause: str | None
    description: str | None
    changed: int
    first: int
    risk: str | None
    factors: tuple[str, ...]
    paths: int
    extra: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        return f"{self.resource.id}{ASSESSMENT}{self.recommendation.key}"
