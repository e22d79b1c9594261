"""Bodies as ARM shows them.

Lower-camel keys (`resourceDetails.id`, `links.azurePortalUri`), no metadata in lists.
"""

from typing import Any

from services.simulator.azure import rows
from services.simulator.azure.churn import NONE, Churn
from services.simulator.azure.model import Finding, Recommendation, Subscription

LATEST = "2025-05-04"
VERSIONS = ("2021-06-01", LATEST)
_ON_PREMISES = {
    "Source": "source",
    "WorkspaceId": "workspaceId",
    "VMUUID": "vmuuid",
    "SourceComputerId": "sourceComputerId",
    "MachineName": "machineName",
    "ServerName": "serverName",
    "DatabaseName": "databaseName",
}
_OLD_SEVERITIES = {"Critical": "High"}


def details(finding: Finding, version: str) -> dict[str, Any]:
    """ResourceDetails.

    2021-06-01 knows only Azure and on-premises sources, others come with id and source.
    """
    given = finding.resource.details
    source = str(given.get("Source", "Azure"))
    if source.startswith("OnPremise"):
        return {name: given[key] for key, name in _ON_PREMISES.items() if key in given}
    found = {"source": source, "id": given.get("Id", finding.resource.id)}
    if version == LATEST and "ConnectorId" in given:
        found["connectorId"] = given["ConnectorId"]
    return found


def assessment(
    finding: Finding, version: str, expand: frozenset[str] = frozenset(), churn: Churn = NONE
) -> dict[str, Any]:
    """One assessment; `expand` holds links, metadata."""
    row = rows.assessment(finding, rows.View("", churn))
    shown = row["properties"] or {}
    properties: dict[str, Any] = {
        "resourceDetails": details(finding, version),
        "displayName": shown.get("displayName"),
        "status": shown.get("status"),
        "additionalData": {key: str(value) for key, value in (shown.get("additionalData") or {}).items()},
    }
    if version == LATEST and shown.get("risk") is not None:
        properties["risk"] = shown["risk"]
    if "links" in expand:
        properties["links"] = {"azurePortalUri": f"https://{_portal(shown)}"}
    if "metadata" in expand:
        properties["metadata"] = metadata_properties(finding.recommendation, version, response=False)
    return {
        "id": row["id"],
        "name": row["name"],
        "type": "Microsoft.Security/assessments",
        "properties": properties,
    }


def _portal(properties: dict[str, Any]) -> str:
    links = properties.get("links") or {}
    return str(links.get("azurePortal", "portal.azure.com")).removeprefix("https://")


def metadata_properties(recommendation: Recommendation, version: str, *, response: bool) -> dict[str, Any]:
    """Metadata; `response` adds what only the metadata API shows: publishDates, tactics, techniques."""
    found = {"severity": "Low"} | rows.metadata(
        recommendation
    )  # the API requires one, Resource Graph does not
    if version != LATEST and "severity" in found:
        found["severity"] = _OLD_SEVERITIES.get(found["severity"], found["severity"])
    if not found.get("preview"):
        found.pop("preview", None)
    if not response:
        for key in ("tactics", "techniques", "publishDates", "plannedDeprecationDate"):
            found.pop(key, None)
        return found
    return {"publishDates": {"GA": "06/01/2021", "public": "06/01/2021"}, **found}


def metadata(recommendation: Recommendation, version: str, prefix: str = "") -> dict[str, Any]:
    """An assessmentMetadata body; `prefix` is `/subscriptions/{id}` or empty for the tenant."""
    return {
        "id": f"{prefix}/providers/Microsoft.Security/assessmentMetadata/{recommendation.key}",
        "name": recommendation.key,
        "type": "Microsoft.Security/assessmentMetadata",
        "properties": metadata_properties(recommendation, version, response=True),
    }


def subscription(item: Subscription, tenant_id: str) -> dict[str, Any]:
    """A body of the subscriptions API (2022-12-01)."""
    found = {
        "id": f"/subscriptions/{item.id}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": item.id,
        "tenantId": tenant_id,
        "displayName": item.name,
        "state": item.state,
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "EnterpriseAgreement_2014-09-01",
            "spendingLimit": "Off",
        },
    }
    return found | ({"tags": item.tags} if item.tags else {})


_PLANS = (
    "VirtualMachines",
    "SqlServers",
    "AppServices",
    "StorageAccounts",
    "KeyVaults",
    "Containers",
    "CloudPosture",
)


def pricings(item: Subscription) -> list[dict[str, Any]]:
    """The plans of a subscription (2024-01-01); CloudPosture Standard is Defender CSPM."""
    return [_pricing(item, name) for name in _PLANS]


def _pricing(item: Subscription, name: str) -> dict[str, Any]:
    on = item.cspm if name == "CloudPosture" else name in {"VirtualMachines", "StorageAccounts"}
    properties: dict[str, Any] = {
        "pricingTier": "Standard" if on else "Free",
        "freeTrialRemainingTime": "PT0S",
        "enforce": "False",
        "resourcesCoverageStatus": "FullyCovered" if on else "NotCovered",
    }
    if on:
        properties["enablementTime"] = "2023-03-01T12:42:42.1921106Z"
    if on and name == "VirtualMachines":
        properties["subPlan"] = "P2"
    if on and name == "CloudPosture":
        properties["extensions"] = [{"name": "AgentlessVmScanning", "isEnabled": "True"}]
    return {
        "id": f"/subscriptions/{item.id}/providers/Microsoft.Security/pricings/{name}",
        "name": name,
        "type": "Microsoft.Security/pricings",
        "properties": properties,
    }
