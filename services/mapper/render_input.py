"""What a ticket is rendered from. Everything is given; nothing is looked up here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from common.model.decision import Decision
from common.model.finding import Finding, Recommendation
from common.model.group import Aggregate, GroupFacts
from common.model.link import Link
from common.rules.effective import EffectiveRule
from services.mapper.dimensions import subscription_or_cloud_account

# task's columns: servicenow-api 1.9
LIMITS: Mapping[str, int] = MappingProxyType(
    {"short_description": 160, "description": 4000, "close_notes": 4000, "work_notes": 4000}
)


@dataclass(frozen=True, slots=True)
class Affected:
    """One open finding as it is shown; `rank` orders them, larger is worse. Texts may hold anything."""

    name: str
    type: str
    severity: str
    risk: str
    place: str
    resource_id: str
    rank: int


def affected_of(finding: Finding) -> Affected:
    """A finding as a line of its ticket."""
    in_account = subscription_or_cloud_account(finding) == finding.cloud_account
    return Affected(
        name=finding.resource_name or finding.resource_id.rpartition("/")[2],
        type=finding.resource_type.rpartition("/")[2] or finding.resource_type,
        severity=finding.severity.name.title(),
        risk=finding.risk.name.title(),
        place=finding.cloud_account if in_account else finding.subscription_name or finding.subscription,
        resource_id=finding.resource_id,
        rank=finding.rank,
    )


@dataclass(frozen=True, slots=True)
class Directory:
    """Names of the instance -> sys_id. `our_user` is the integration user's sys_id.

    `support_group` is the sys_id of the CI's support group, `ci` the CI's own, "" where there is none.
    """

    our_user: str
    groups: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    ci: str = ""
    support_group: str = ""


@dataclass(frozen=True, slots=True)
class RenderInput:
    """All that `render` reads.

    `texts` maps a dimension to its value as people know it (a subscription's name); `affected` are the worst
    open findings, at least as many as the rule shows, or all; `tags` are those that the assign chain may name
    (keys in any case); `cloud` is `public` or `usgov`; `told` is `Memo.noted` from before the decision.
    """

    connection: str
    rule: EffectiveRule
    facts: GroupFacts
    aggregate: Aggregate
    decision: Decision
    link: Link | None
    directory: Directory
    now: int
    recommendation: Recommendation | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    affected: tuple[Affected, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    cloud: str = "public"
    told: int = -1
    limits: Mapping[str, int] = field(default_factory=lambda: LIMITS)
