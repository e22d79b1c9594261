"""Given rows in REST casing become rows in Resource Graph's casing; what they say is kept as it is."""

import re
from collections.abc import Mapping
from typing import Any

from services.simulator.azure import rows, ticks
from services.simulator.azure.model import ASSESSMENT, Recommendation

Row = dict[str, Any]
_DETAILS = {
    "source": "Source",
    "id": "Id",
    "workspaceId": "WorkspaceId",
    "vmuuid": "VMUUID",
    "machineName": "MachineName",
    "sourceComputerId": "SourceComputerId",
    "serverName": "ServerName",
    "databaseName": "DatabaseName",
    "connectorId": "ConnectorId",
    "resourceType": "ResourceType",
    "resourceName": "ResourceName",
}
_SUBSCRIPTION = re.compile(r"^/?subscriptions/([^/]+)", re.IGNORECASE)
_GROUP = re.compile(r"/resourcegroups/([^/]+)", re.IGNORECASE)
_METADATA = frozenset(
    [
        "displayName",
        "assessmentType",
        "policyDefinitionId",
        "description",
        "remediationDescription",
        "categories",
        "severity",
        "userImpact",
        "implementationEffort",
        "threats",
        "preview",
        "tactics",
        "techniques",
    ]
)


def properties_of(row: Row) -> dict[str, Any]:
    """The properties, or none where a malformed row has something else."""
    found = row.get("properties")
    return found if isinstance(found, dict) else {}


def subscription_of(row: Row) -> str | None:
    match = _SUBSCRIPTION.match(str(row["id"]))
    return match.group(1) if match else None


def group_of(resource_id: str) -> str:
    match = _GROUP.search(resource_id)
    return match.group(1).lower() if match else ""


def assessed(row: Row) -> str:
    """The id of the assessed resource: what stands before the assessment in its id."""
    text = str(row["id"])
    position = text.lower().rfind(ASSESSMENT.lower())
    return text[:position] if position >= 0 else text


def type_and_name(resource_id: str) -> tuple[str, str]:
    """`microsoft.compute/virtualmachines` and the last name."""
    _, mark, tail = resource_id.rpartition("/providers/")
    parts = tail.split("/")
    if not mark or len(parts) < 3:
        return "microsoft.resources/subscriptions", resource_id.rsplit("/", 1)[-1]
    return "/".join([parts[0], *parts[1::2]]).lower(), parts[-1]


def times(status: Mapping[str, Any]) -> tuple[int, int]:
    """StatusChangeDate and firstEvaluationDate in ticks."""
    changed = ticks.from_text(status.get("statusChangeDate"), 0)
    return changed, ticks.from_text(status.get("firstEvaluationDate"), changed)


def graph_row(given: Row, tenant_id: str, metadata: Mapping[str, Row]) -> Row:
    """The row as Resource Graph would show it. A row that already has its envelope is kept."""
    if "subscriptionId" in given:
        return rows.envelope(given)
    properties = dict(properties_of(given))
    details = properties.get("resourceDetails") or {}
    properties["resourceDetails"] = {_DETAILS.get(key, key): value for key, value in details.items()}
    links = properties.pop("links", None)
    if links:
        properties["links"] = {"azurePortal": str(links.get("azurePortalUri", "")).removeprefix("https://")}
    documented = metadata.get(str(given.get("name")).lower())
    if "metadata" not in properties and documented is not None:
        properties["metadata"] = documented["properties"]
    return rows.envelope(
        {
            "id": given["id"],
            "name": given.get("name"),
            "type": "microsoft.security/assessments",
            "tenantId": tenant_id,
            "location": "global",
            "resourceGroup": group_of(str(given["id"])),
            "subscriptionId": (subscription_of(given) or "").lower(),
            "properties": properties,
        }
    )


def recommendation(key: str, properties: Mapping[str, Any]) -> Recommendation:
    """The metadata as given; keys that we don't model are carried along."""
    kind = str(properties.get("assessmentType", "BuiltIn"))
    extra = {name: value for name, value in properties.items() if name not in _METADATA}
    return Recommendation(
        key=key,
        title=str(properties.get("displayName", key)),
        token="",
        severity=properties.get("severity"),
        categories=tuple(properties.get("categories") or ()),
        kinds=(),
        share=0.0,
        preview=bool(properties.get("preview", False)),
        custom=kind in {"CustomPolicy", "CustomerManaged", "Custom"},
        description=str(properties.get("description", "")),
        remediation=properties.get("remediationDescription"),
        policy_id=properties.get("policyDefinitionId"),
        threats=tuple(properties.get("threats") or ()),
        tactics=tuple(properties.get("tactics") or ()),
        techniques=tuple(properties.get("techniques") or ()),
        user_impact=properties.get("userImpact"),
        effort=properties.get("implementationEffort"),
        extra={**extra, "assessmentType": kind},
    )
