"""Resource Graph queries: constants, and values that are quoted. No text from outside shapes one."""

import re
from collections.abc import Iterable, Sequence

from common.errors import Fatal

IDS_AT_ONCE = 200
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_ASSESSMENTS = "securityresources\n| where type =~ 'microsoft.security/assessments'"
_PROJECTION = """
| project id, name, subscriptionId, resourceGroup, code = properties.status.code, \
cause = properties.status.cause, risk = properties.risk.level, title = properties.displayName, \
severity = properties.metadata.severity, source = properties.resourceDetails.Source, \
resourceId = properties.resourceDetails.Id, resourceType = properties.resourceDetails.ResourceType, \
resourceName = properties.resourceDetails.ResourceName, account = properties.resourceDetails.HierarchyId, \
connectorId = properties.resourceDetails.ConnectorId
| order by id asc"""

ASSESSMENTS = _ASSESSMENTS + _PROJECTION
"""The collector's main query: the columns of `rows.AssessmentRow`, with `id` and in its order, without which
Resource Graph gives no skip token and no repeatable pages (defender-api 3.2)."""

ASSESSMENT_COUNTS = _ASSESSMENTS + "\n| summarize rows = count() by subscriptionId"
"""Rows by subscription, to plan units largest first: `rows.CountRow`."""

SUBSCRIPTIONS = """resourcecontainers
| where type =~ 'microsoft.resources/subscriptions'
| project id, name, subscriptionId, tenantId, state = properties.state, \
ancestors = properties.managementGroupAncestorsChain, tags
| order by id asc"""
"""The scope: `rows.SubscriptionRow`."""


def literal(text: str) -> str:
    """A quoted string. Raises Fatal `unsafe_query` for control characters."""
    if _UNSAFE.search(text):
        raise Fatal("unsafe_query", f"{text[:60]!r} can't stand in a query.")
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _list(texts: Iterable[str]) -> str:
    return ", ".join(literal(text) for text in texts)


def assessments_of(prefixes: Sequence[str]) -> str:
    """The main query for recommendations whose key begins with one of `prefixes`: a part of a large unit."""
    begins = " or ".join(f"name startswith {literal(prefix)}" for prefix in prefixes)
    return f"{_ASSESSMENTS}\n| where {begins}{_PROJECTION}"


def assessments_by_id(ids: Sequence[str]) -> str:
    """The main query for exactly these assessments. Raises ValueError for more than 200."""
    return f"{_ASSESSMENTS}\n| where id in~ ({_bounded(ids)}){_PROJECTION}"


def tags_by_id(ids: Sequence[str]) -> str:
    """Tags of resources: `rows.TagsRow`. Raises ValueError for more than 200."""
    return f"resources\n| where id in~ ({_bounded(ids)})\n| project id, tags\n| order by id asc"


def _bounded(ids: Sequence[str]) -> str:
    if not 0 < len(ids) <= IDS_AT_ONCE:
        raise ValueError(f"1 to {IDS_AT_ONCE} ids can be asked for at once, not {len(ids)}")
    return _list(ids)
