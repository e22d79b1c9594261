"""Rows made into findings: pure, tolerant of words that we don't know, strict on what identifies."""

from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType

from common.azure.levels import CLOUDS, RISKS, SEVERITIES, STANDINGS
from common.azure.rows import AssessmentRow, SubscriptionRow
from common.errors import Skip, SyncError
from common.identity import KEY_BYTES, normalise
from common.model.finding import Finding, Recommendation, Risk, Severity, Subscription

_MARK = "/providers/microsoft.security/assessments/"
_NO_TAGS: Mapping[str, str] = MappingProxyType({})
_ACCOUNTS = frozenset({"aws", "gcp"})


class Malformed(SyncError):  # noqa: N818 - named for its term in the ledger
    """A row that can't be made into a finding; `field` names what is wrong with it.

    `key` is the finding's key where its id could be read: its last known standing then stays, since the
    finding is there and only unreadable.
    """

    def __init__(self, reason: str, message: str, field: str, key: bytes | None = None) -> None:
        super().__init__(reason, message)
        self.field = field
        self.key = key


def to_finding(
    row: AssessmentRow,
    metadata: Mapping[str, Recommendation],
    subscriptions: Mapping[str, Subscription],
    unknown: Counter[str] | None = None,
) -> Finding:
    """Make a row a finding. `metadata` by lower-case key, `subscriptions` by lower-case id.

    Severity, title and categories come from the metadata where there is any, else from the row. Words that we
    don't know become UNKNOWN ("other" for a cloud) and are counted in `unknown` by field. Raises Malformed,
    or Skip `not_in_scope` for a subscription that is not among `subscriptions`.
    """
    finding_id, resource_id, recommendation = _identify(row)
    key = _key(finding_id)
    subscription = subscriptions.get((row.subscriptionId or "").lower())
    if subscription is None:
        subscription = _by_path(finding_id, subscriptions)
    standing = STANDINGS.get(((row.code or "").lower(), (row.cause or "").lower() == "exempt"))
    if standing is None:
        raise Malformed("unknown_status", f"status code {(row.code or '')[:40]!r} is not known", "code", key)
    meta = metadata.get(recommendation)
    source = (row.source or "azure").lower()
    cloud = CLOUDS.get(source, "other")
    severity = meta.severity if meta is not None else Severity.UNKNOWN
    if severity is Severity.UNKNOWN and row.severity:
        severity = SEVERITIES.get(row.severity.lower(), Severity.UNKNOWN)
    risk = RISKS.get(row.risk.lower(), Risk.UNKNOWN) if row.risk else Risk.UNKNOWN
    if unknown is not None:
        _count(unknown, row, risk, severity, source)
    return Finding(
        id=finding_id,
        key=key,
        recommendation=recommendation,
        title=(meta.title if meta is not None else "") or row.title or recommendation,
        standing=standing,
        severity=severity,
        risk=risk,
        categories=meta.categories if meta is not None else (),
        preview=meta is not None and meta.preview,
        model="grouped",
        tenant=subscription.tenant,
        subscription=subscription.id,
        subscription_name=subscription.name,
        management_groups=subscription.management_groups,
        cloud=cloud,
        cloud_account=(row.account or row.connectorId or "").lower() if cloud in _ACCOUNTS else "",
        resource_id=resource_id,
        resource_type=row.resourceType.lower() if row.resourceType else resource_type_of(resource_id),
        resource_name=row.resourceName or _last(row.resourceId or resource_id),
        tags=_NO_TAGS,
    )


def _identify(row: AssessmentRow) -> tuple[str, str, str]:
    """(finding id, resource id, recommendation key), lower case, ids with a leading slash."""
    if not row.id:
        raise Malformed("no_id", "a row has no id", "id")
    finding_id = _normalised(row.id)
    resource, mark, tail = finding_id.rpartition(_MARK)
    if not mark or not tail:
        raise Malformed("bad_id", f"id {finding_id[:200]!r} is no assessment's", "id")
    recommendation = (row.name or tail).lower()
    if recommendation != tail:
        key = _key(finding_id)
        raise Malformed("bad_name", f"name {recommendation[:80]!r} is not the one in the id", "name", key)
    return finding_id, _normalised(row.resourceId) if row.resourceId else resource, recommendation


def _normalised(text: str) -> str:
    """As identity.normalise, with a short way for ids as they mostly are."""
    lowered = text.lower()
    if lowered[0] == "/" and lowered[1:2] != "/" and lowered[-1] > " ":
        return lowered
    return normalise(text)


def _key(finding_id: str) -> bytes:
    """As identity.finding_key of an id that is normalised already."""
    return blake2b(finding_id.encode(), digest_size=KEY_BYTES).digest()


def _by_path(finding_id: str, subscriptions: Mapping[str, Subscription]) -> Subscription:
    """The subscription that the id begins with, for rows without the column."""
    parts = finding_id.split("/", 3)
    if len(parts) > 2 and parts[1] == "subscriptions" and (found := subscriptions.get(parts[2])):
        return found
    raise Skip("not_in_scope", "the row's subscription is not in the connection's scope")


def _count(unknown: Counter[str], row: AssessmentRow, risk: Risk, severity: Severity, source: str) -> None:
    if row.risk and risk is Risk.UNKNOWN:
        unknown["risk"] += 1
    if row.severity and severity is Severity.UNKNOWN:
        unknown["severity"] += 1
    if source not in CLOUDS:
        unknown["source"] += 1


def _last(resource_id: str) -> str:
    return resource_id.rstrip("/").rpartition("/")[2]


def resource_type_of(resource_id: str) -> str:
    """The type that a lower-case ARM id spells: provider and every second segment after it."""
    _, mark, tail = resource_id.rpartition("/providers/")
    if not mark:
        inside = "/resourcegroups/" in resource_id
        return f"microsoft.resources/{'resourcegroups' if inside else 'subscriptions'}"
    provider, *segments = tail.split("/")
    return "/".join([provider, *segments[::2]])


def to_subscription(row: SubscriptionRow) -> Subscription:
    """Make a scope's row a subscription; ids in lower case, management groups the nearest first."""
    return Subscription(
        id=row.subscriptionId.lower(),
        name=row.name or row.subscriptionId,
        tenant=(row.tenantId or "").lower(),
        state=row.state or "Enabled",
        management_groups=tuple(group.name.lower() for group in row.ancestors or () if group.name),
    )
