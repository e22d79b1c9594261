"""Resource Graph queries that only the collector asks, beside those of common.azure.kql."""

from collections.abc import Iterable

import msgspec

from common.azure.kql import literal

_ASSESSMENTS = "securityresources\n| where type =~ 'microsoft.security/assessments'"

RISKS = (
    f"{_ASSESSMENTS}\n| where isnotempty(properties.risk.level)\n| summarize rows = count() by subscriptionId"
)
"""Rows with a risk level by subscription: none where Defender CSPM is off (`rows.CountRow`)."""

NAMES = f"{_ASSESSMENTS}\n| summarize rows = count() by name"
"""Recommendations that have findings (`NameRow`)."""


class NameRow(msgspec.Struct):
    """A row of `NAMES`."""

    name: str
    rows: int


class NameInSubscription(msgspec.Struct):
    """A row of `names_by_subscription`."""

    name: str
    subscriptionId: str  # noqa: N815 - Azure's column
    rows: int


def names_by_subscription(names: Iterable[str]) -> str:
    """Where recommendations that the tenant does not know have findings."""
    listed = ", ".join(literal(name) for name in names)
    return f"{_ASSESSMENTS}\n| where name in~ ({listed})\n| summarize rows = count() by name, subscriptionId"


def container_tags(subscriptions: Iterable[str]) -> str:
    """Tags of subscriptions and resource groups, which their resources inherit here (`rows.TagsRow`)."""
    listed = ", ".join(literal(name) for name in subscriptions)
    return (
        "resourcecontainers\n| where type =~ 'microsoft.resources/subscriptions'"
        " or type =~ 'microsoft.resources/subscriptions/resourcegroups'"
        f"\n| where subscriptionId in~ ({listed})\n| where isnotempty(tags)"
        "\n| project id, tags\n| order by id asc"
    )
