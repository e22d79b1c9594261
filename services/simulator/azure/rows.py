"""Rows as Resource Graph shows them.

Its envelope, its key casing (`resourceDetails.Id`, `links.azurePortal`).
"""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from services.simulator.azure import churn as churning
from services.simulator.azure import ticks
from services.simulator.azure.kql.compiler import walk
from services.simulator.azure.model import Connector, Finding, Recommendation, Resource, Subscription

_STRINGS = "id name type tenantId kind location resourceGroup subscriptionId managedBy"
_DYNAMICS = "sku plan properties tags identity zones extendedLocation"
SECURITY_COLUMNS = dict.fromkeys(_STRINGS.split(), "string") | dict.fromkeys(_DYNAMICS.split(), "dynamic")
"""The same envelope for securityresources, resources and resourcecontainers."""


_PORTAL = "portal.azure.com/#blade/Microsoft_Azure_Security/RecommendationsBlade/assessmentKey/"


def envelope(values: dict[str, Any]) -> dict[str, Any]:
    """All columns in Resource Graph's order; what is not given is empty or null."""
    row: dict[str, Any] = {
        name: ("" if kind == "string" else None) for name, kind in SECURITY_COLUMNS.items()
    }
    return row | values


def metadata(recommendation: Recommendation) -> dict[str, Any]:
    """`properties.metadata` of an assessment row; a recommendation without severity has none here either."""
    found: dict[str, Any] = {
        "displayName": recommendation.title,
        "assessmentType": assessment_type(recommendation),
        "policyDefinitionId": recommendation.policy_id,
        "description": recommendation.description,
        "remediationDescription": recommendation.remediation,
        "categories": list(recommendation.categories),
        "severity": recommendation.severity,
        "userImpact": recommendation.user_impact,
        "implementationEffort": recommendation.effort,
        "threats": list(recommendation.threats),
        "preview": recommendation.preview,
        "tactics": list(recommendation.tactics) or None,
        "techniques": list(recommendation.techniques) or None,
        **recommendation.extra,
    }
    return {key: value for key, value in found.items() if value is not None}


def assessment_type(recommendation: Recommendation) -> str:
    if recommendation.custom:
        return "CustomPolicy" if recommendation.severity else "CustomerManaged"
    return "BuiltInPolicy" if recommendation.policy_id else "BuiltIn"


def risk(finding: Finding, salt: int = 0) -> dict[str, Any] | None:
    """`properties.risk`; None without Defender CSPM. `salt` changes the paths, as a new evaluation does."""
    if finding.risk is None:
        return None
    rng = random.Random(finding.paths * 1_000_003 + salt)
    paths = []
    for number in range(2 if finding.paths else 0):
        nodes = [f"{rng.getrandbits(48):012x}" for _ in range(3)]
        paths.append(
            {
                "id": f"path-{rng.getrandbits(32):08x}-{number}",
                "nodes": [{"id": node, "nodePropertiesLabel": ["insight", "asset"]} for node in nodes],
                "edges": [
                    {"id": f"e{rng.getrandbits(24):06x}", "sourceId": nodes[0], "targetId": nodes[1]},
                    {"id": f"e{rng.getrandbits(24):06x}", "sourceId": nodes[1], "targetId": nodes[2]},
                ],
            }
        )
    return {
        "level": finding.risk,
        "riskFactors": list(finding.factors),
        "attackPathsReferences": [path["id"] for path in paths],
        "isContextualRisk": bool(finding.factors),
        "paths": paths,
    }


def status(finding: Finding, offset: int = 0) -> dict[str, Any]:
    """`properties.status`; `offset` in ticks moves its times (timestamp churn)."""
    found: dict[str, Any] = {"code": finding.code}
    if finding.cause is not None:
        found["cause"] = finding.cause
        found["description"] = finding.description
    found["statusChangeDate"] = ticks.text(finding.changed + offset)
    found["firstEvaluationDate"] = ticks.text(finding.first)
    return found


@dataclass(frozen=True, slots=True)
class View:
    """How rows look to one reader: the tenant, and what churns in this answer."""

    tenant_id: str
    churn: churning.Churn = churning.NONE


def assessment(finding: Finding, view: View) -> dict[str, Any]:
    """The whole row of a finding."""
    row = _loaded(finding) if finding.extra is not None else _generated(finding, view)
    return churning.apply(row, finding, view.churn) if view.churn.active else row


def _loaded(finding: Finding) -> dict[str, Any]:
    """The given row, with the status as it stands now."""
    extra = finding.extra or {}
    properties = dict(extra.get("properties") or {})
    if finding.code == str((properties.get("status") or {}).get("code", "")):
        return dict(extra)
    properties["status"] = status(finding)
    return {**extra, "properties": properties}


def _generated(finding: Finding, view: View) -> dict[str, Any]:
    recommendation, resource = finding.recommendation, finding.resource
    properties: dict[str, Any] = {
        "displayName": recommendation.title,
        "resourceDetails": resource.details,
        "status": status(finding),
        "metadata": metadata(recommendation),
        "additionalData": _additional(resource),
        "links": {"azurePortal": f"{_PORTAL}{recommendation.key}/resourceId/{quote(resource.id, safe='')}"},
    }
    level = risk(finding)
    if level is not None:
        properties["risk"] = level
    return envelope(
        {
            "id": finding.id,
            "name": recommendation.key,
            "type": "microsoft.security/assessments",
            "tenantId": view.tenant_id,
            "location": "global",
            "resourceGroup": resource.group,
            "subscriptionId": resource.subscription.id,
            "properties": properties,
        }
    )


def _additional(resource: Resource) -> dict[str, str]:
    if resource.connector is None:
        return {}
    return {"CloudNativeResourceName": resource.name}


def _detail(key: str) -> Callable[[Finding], Any]:
    return lambda finding: finding.resource.details.get(key)


FAST: dict[tuple[str | int, ...], Callable[[Finding], Any]] = {
    ("id",): lambda finding: finding.id,
    ("name",): lambda finding: finding.recommendation.key,
    ("type",): lambda _finding: "microsoft.security/assessments",
    ("subscriptionId",): lambda finding: finding.resource.subscription.id,
    ("resourceGroup",): lambda finding: finding.resource.group,
    ("properties", "displayName"): lambda finding: finding.recommendation.title,
    ("properties", "status", "code"): lambda finding: finding.code,
    ("properties", "status", "cause"): lambda finding: finding.cause,
    ("properties", "status", "statusChangeDate"): lambda finding: ticks.text(finding.changed),
    ("properties", "risk", "level"): lambda finding: finding.risk,
    ("properties", "metadata", "severity"): lambda finding: finding.recommendation.severity,
    ("properties", "metadata", "preview"): lambda finding: finding.recommendation.preview,
    **{
        ("properties", "resourceDetails", key): _detail(key)
        for key in ("Source", "Id", "ResourceType", "ResourceName", "HierarchyId", "ConnectorId")
    },
}
"""What callers project most, read without building the row."""


def extra_row(body: dict[str, Any], subscription: Subscription, view: View) -> dict[str, Any]:
    """An ARM body of a subscription as a row."""
    return envelope(
        {
            **{key: body[key] for key in ("id", "name", "properties")},
            "type": str(body["type"]).lower(),
            "tenantId": view.tenant_id,
            "subscriptionId": subscription.id,
        }
    )


def exemption_row(finding: Finding, view: View) -> dict[str, Any]:
    """The standard assignment that exempts a finding; its category is in lower case there."""
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"exemption/{finding.id}"))
    category = "mitigated" if "Mitigated" in (finding.description or "") else "waiver"
    properties: dict[str, Any] = {
        "displayName": f"Exemption of {finding.recommendation.title}",
        "effect": "Exempt",
        "exemptionData": {
            "exemptionCategory": category,
            "assignedAssessment": {"assessmentKey": finding.recommendation.key},
        },
        "excludedScopes": [],
        "expiresOn": None,
    }
    return envelope(
        {
            "id": f"{finding.resource.id}/providers/Microsoft.Security/standardAssignments/{name}",
            "name": name,
            "type": "microsoft.security/standardassignments",
            "tenantId": view.tenant_id,
            "resourceGroup": finding.resource.group,
            "subscriptionId": finding.resource.subscription.id,
            "properties": properties,
        }
    )


def resource_row(resource: Resource, view: View) -> dict[str, Any]:
    """A row of `resources`."""
    return envelope(
        {
            "id": resource.arm_id,
            "name": resource.name,
            "type": resource.type,
            "tenantId": view.tenant_id,
            "location": resource.location,
            "resourceGroup": resource.group,
            "subscriptionId": resource.subscription.id,
            "tags": resource.tags,
            "properties": resource.properties,
        }
    )


def connector_row(connector: Connector, view: View) -> dict[str, Any]:
    """A row of `resources` for an AWS or GCP connector."""
    return envelope(
        {
            "id": connector.id,
            "name": connector.name,
            "type": "microsoft.security/securityconnectors",
            "tenantId": view.tenant_id,
            "location": "westeurope",
            "resourceGroup": connector.id.split("/")[4].lower(),
            "subscriptionId": connector.subscription.id,
            "properties": {
                "environmentName": connector.cloud.upper(),
                "hierarchyIdentifier": connector.account,
                "offerings": [],
            },
        }
    )


def subscription_row(subscription: Subscription, view: View) -> dict[str, Any]:
    """A row of `resourcecontainers`; the ancestors' chain begins with the nearest group."""
    chain = [{"displayName": group.display_name, "name": group.name} for group in subscription.group.chain()]
    return envelope(
        {
            "id": f"/subscriptions/{subscription.id}",
            "name": subscription.name,
            "type": "microsoft.resources/subscriptions",
            "tenantId": view.tenant_id,
            "subscriptionId": subscription.id,
            "tags": subscription.tags or None,
            "properties": {
                "state": subscription.state,
                "managementGroupAncestorsChain": chain,
                "managedByTenants": [],
                "subscriptionPolicies": {"quotaId": "EnterpriseAgreement_2014-09-01", "spendingLimit": "Off"},
            },
        }
    )


def group_row(subscription: Subscription, name: str, tags: dict[str, str], view: View) -> dict[str, Any]:
    """A row of `resourcecontainers` for a resource group."""
    return envelope(
        {
            "id": f"/subscriptions/{subscription.id}/resourceGroups/{name}",
            "name": name,
            "type": "microsoft.resources/subscriptions/resourcegroups",
            "tenantId": view.tenant_id,
            "location": "westeurope",
            "resourceGroup": name.lower(),
            "subscriptionId": subscription.id,
            "tags": tags or None,
            "properties": {"provisioningState": "Succeeded"},
        }
    )


def fast(path: tuple[str | int, ...], view: View) -> Callable[[Finding], Any]:
    """A getter on findings for a column and its path."""
    known = FAST.get(path)
    if known is not None:
        return known
    if path == ("tenantId",):
        return lambda _finding: view.tenant_id
    return lambda finding: walk(assessment(finding, view), path)
