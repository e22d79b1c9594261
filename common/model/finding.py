"""A finding: one normalised item of Defender for Cloud, here a recommendation on a resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import msgspec


class Standing(IntEnum):
    """Where a member of a group stands. Values are stored in packed records: append only."""

    HEALTHY = 0
    OPEN = 1  # Unhealthy
    MITIGATED = 2  # exempt as mitigated: Healthy with cause Exempt
    WAIVED = 3  # exempt as waiver: NotApplicable with cause Exempt
    OFF = 4  # NotApplicable for another cause, such as OffByPolicy: no evidence of a fix
    MISSING = 5  # absent from a complete unit, not asked again yet
    GONE = 6  # asked again: no longer there, in a readable scope, recommendation in being
    LOST = 7  # asked again: can't be known (scope not readable, recommendation retired)
    ADOPTED = 8  # Healthy, in the group's place, after a loss of Redis: nobody knows whether it was a member


class Severity(IntEnum):
    """Severity of a recommendation (assessmentMetadata; Critical since 2025-05-04: defender-api 0#8)."""

    UNKNOWN = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Risk(IntEnum):
    """Risk level; UNKNOWN where Defender CSPM is not on (defender-api 2.2)."""

    UNKNOWN = 0
    NONE = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What assessmentMetadata says of one recommendation."""

    key: str
    title: str
    severity: Severity = Severity.UNKNOWN
    categories: tuple[str, ...] = ()
    preview: bool = False
    assessment_type: str = ""
    description: str = ""
    remediation: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription in the connection's scope."""

    id: str
    name: str
    tenant: str = ""
    state: str = "Enabled"
    management_groups: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """One recommendation on one resource.

    `recommendation` and all ids are lower case; `title`, `resource_name`, `subscription_name` are for people.
    `model` is `grouped` or `individual`; `cloud` is azure, aws, gcp, onpremises or other.
    """

    id: str
    key: bytes
    recommendation: str
    title: str
    standing: Standing
    severity: Severity
    risk: Risk
    categories: tuple[str, ...]
    preview: bool
    model: str
    tenant: str
    subscription: str
    subscription_name: str
    management_groups: tuple[str, ...]
    cloud: str
    cloud_account: str
    resource_id: str
    resource_type: str
    resource_name: str
    kind: str = "recommendation"
    tags: Mapping[str, str] = {}

    @property
    def rank(self) -> int:
        """Worse is larger: severity in the high bits, risk in the low ones (one byte)."""
        return max(self.severity, self.risk - 1) << 4 | self.risk
