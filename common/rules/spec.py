"""The rule file as people write it: nearly every key optional, nothing resolved yet.

`common.rules.merge` makes `EffectiveRule`s of it. Fields are the file's keys; docs/rules.md explains them.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from common.rules.scalars import (
    Duration,
    FieldName,
    Lower,
    ReasonWord,
    RuleId,
    Share,
    Text,
    Texts,
    as_list,
    parse_duration,
)

Level = Annotated[Literal["unknown", "none", "low", "medium", "high", "critical"], Lower]
SeverityName = Annotated[
    Literal["unknown", "informational", "low", "medium", "high", "critical"], Lower
]  # informational: alerts only
KindName = Annotated[Literal["recommendation", "alert"], Lower]
Model = Annotated[Literal["grouped", "individual", "both"], Lower]
Mode = Annotated[Literal["plan", "live"], Lower]
Cloud = Annotated[Literal["azure", "aws", "gcp", "onpremises", "other"], Lower]
TableName = Annotated[Literal["incident", "problem", "change_request", "security_incident"], Lower]
Scale = Annotated[int, Field(ge=1, le=3)]

DIMENSIONS = (
    "recommendation",
    "resource",
    "subscription",
    "subscription_or_cloud_account",
    "management_group",
    "cloud",
    "cloud_account",
    "resource_type",
    "category",
    "severity",
    "alert_type",
)
_TAG_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_.@-")


def _dimension(value: str) -> str:
    """A known dimension, lower case: tag names are case-insensitive in Azure, and enter the footer."""
    text = value.strip().lower()
    name = text.removeprefix("tag:")
    if text in DIMENSIONS or (text.startswith("tag:") and name and set(name) <= _TAG_NAME_CHARACTERS):
        return text
    raise ValueError(
        f"{value!r} is nothing to group by: write one of {', '.join(DIMENSIONS)} or tag:NAME"
        " (NAME of letters, digits and _ . @ -)"
    )


Dimension = Annotated[str, AfterValidator(_dimension)]


class Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class When(Spec):
    """Conditions; all that are named must hold, and of a list any value."""

    kind: Annotated[tuple[KindName, ...], BeforeValidator(as_list)] | None = None
    severity: Annotated[tuple[SeverityName, ...], BeforeValidator(as_list)] | None = None
    risk: Annotated[tuple[Level, ...], BeforeValidator(as_list)] | None = None
    risk_missing: Literal["unknown", "skip"] | None = None
    category: Texts | None = None
    model: Model | None = None
    preview: bool | None = None
    subscription: Texts | None = None
    management_group: Texts | None = None
    cloud: Annotated[tuple[Cloud, ...], BeforeValidator(as_list)] | None = None
    cloud_account: Texts | None = None
    resource_type: Texts | None = None
    tags: dict[Text, Texts] | None = None
    recommendation: Texts | None = None
    affected_at_least: Annotated[int, Field(ge=1)] | None = None
    status: Texts | None = None
    max_age: Duration | None = None
    is_incident: bool | None = None


class ModelPredicate(Spec):
    """How a row of an individual recommendation is told from a grouped one's."""

    field: Text
    equals: Texts


class Findings(Spec):
    model: Model | None = None
    individual_when: ModelPredicate | None = None
    preview: bool | None = None
    min_age: Duration | None = None
    risk_missing: Literal["unknown", "skip"] | None = None


class Cap(Spec):
    per_rule_and_run: Annotated[int, Field(ge=0)] | None = None
    per_connection_and_day: Annotated[int, Field(ge=0)] | None = None
    per_hour: Annotated[int, Field(ge=0)] | None = None
    beyond: Literal["hold"] | None = None


class Codes(Spec):
    """Preferred close codes, best first; the first that the instance offers is taken."""

    solution: Texts | None = None
    workaround: Texts | None = None
    no_resolution: Texts | None = None


def _waiting(value: object) -> object:
    if value in ("at_once", "never"):
        return value
    if not isinstance(value, str) or not value.startswith("after_"):
        raise ValueError(f"{value!r} is not at_once, never or after_ and a duration, such as after_72h")
    parse_duration(value.removeprefix("after_"))
    return value


class Resolve(Spec):
    on: Literal["healthy", "never"] | None = None
    quiet: Duration | None = None
    assigned: Annotated[str, BeforeValidator(_waiting)] | None = None
    gone: Literal["asked_again", "hold"] | None = None
    waiver: Annotated[str, BeforeValidator(_waiting)] | None = None
    max_share: Share | None = None
    max_count: Annotated[int, Field(ge=0)] | None = None
    beyond: Literal["hold"] | None = None
    codes: Codes | None = None


class FlapBrake(Spec):
    after: Annotated[int, Field(ge=1, le=20)] | None = None
    within: Duration | None = None
    then: Literal["hold"] | None = None


class Reopen(Spec):
    incident_from: tuple[Literal[6], ...] | None = Field(default=None, strict=False)
    flap_brake: FlapBrake | None = None
    leave_codes: Texts | None = None


class ClosedWhileUnhealthy(Spec):
    wait: Duration | None = None
    then: Literal["reopen", "hold", "leave"] | None = None


class Notes(Spec):
    digest: Literal["daily", "off"] | None = None
    max_per_day: Annotated[int, Field(ge=0, le=24)] | None = None


class Shown(Spec):
    shown: Annotated[int, Field(ge=0, le=100)] | None = None
    rest: Literal["attachment_csv", "count"] | None = None


class Templates(Spec):
    """Jinja2 sources that replace the built-in ones."""

    short_description: str | None = None
    description: str | None = None
    close_notes: str | None = None
    note: str | None = None


class Ticket(Spec):
    type: TableName | None = None
    impact: Scale | None = None
    urgency: Scale | dict[Annotated[str, Lower], Scale] | None = None
    priority_floor: Annotated[int, Field(ge=1, le=5)] | None = None
    due: Duration | None = None
    assign: Texts | None = None
    caller: Text | None = None
    disclose: Literal["summary", "full"] | None = None
    set_on_create: dict[FieldName, str] | None = None
    set_on_resolve: dict[FieldName, str] | None = None
    notes: Notes | None = None
    affected: Shown | None = None
    templates: Templates | None = None


class Sections(Spec):
    """What defaults and a rule may both say; a rule's word wins, key by key."""

    mode: Mode | None = None
    findings: Findings | None = None
    cap: Cap | None = None
    resolve: Resolve | None = None
    reopen: Reopen | None = None
    closed_while_unhealthy: ClosedWhileUnhealthy | None = None
    deleted_by_person: Literal["hold", "successor"] | None = None
    ticket: Ticket | None = None


class Scope(Spec):
    management_groups: Texts | None = None
    subscriptions: Texts | None = None
    exclude: Texts | None = None
    tenants: Texts | None = None


class Forward(Spec):
    schedule: Text | None = None
    alerts_every: Duration | None = None


class Back(Spec):
    """Writing into Defender; parsed now, used by a later version."""

    enabled: bool | None = None
    every: Duration | None = None
    governance: Literal["off", "on"] | None = None
    exemptions: Literal["off", "on"] | None = None


class Defaults(Sections):
    scope: Scope | None = None
    forward: Forward | None = None
    back: Back | None = None


class RuleSpec(Sections):
    id: RuleId
    when: When
    group: (
        Annotated[tuple[Dimension, ...], BeforeValidator(as_list), Field(min_length=1, max_length=6)] | None
    ) = None
    skip: ReasonWord | None = None


class Document(Spec):
    """A whole rule file."""

    version: Literal[1]
    defaults: Defaults = Defaults()
    rules: tuple[RuleSpec, ...]
