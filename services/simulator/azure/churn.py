"""What differs between two readings of an unchanged world: casing, order, timestamps, risk paths."""

import random
import string
from dataclasses import dataclass
from typing import Any

from services.simulator.azure import ticks
from services.simulator.azure.model import Finding

NAMES = ("case_flips", "timestamp_churn", "order_churn", "risk_path_churn")


@dataclass(frozen=True, slots=True)
class Churn:
    """`salt` is new for each first page, so that all pages of one reading agree."""

    salt: int = 0
    case_flips: bool = False
    timestamp_churn: bool = False
    order_churn: bool = False
    risk_path_churn: bool = False

    @property
    def active(self) -> bool:
        return self.case_flips or self.timestamp_churn or self.order_churn or self.risk_path_churn


NONE = Churn()
_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""ASCII only: upper() would turn ß into SS, which is another id."""


def apply(row: dict[str, Any], finding: Finding, churn: Churn) -> dict[str, Any]:
    """A churned copy of an assessment row."""
    properties = dict(row["properties"] or {})
    churned = {**row, "properties": properties}
    if churn.timestamp_churn and properties.get("status"):
        offset = (churn.salt * 86_400 + finding.changed % 3600) * 10_000_000
        moved = {"statusChangeDate": ticks.text(finding.changed + offset)}
        properties["status"] = {**properties["status"], **moved}
    if churn.risk_path_churn and properties.get("risk"):
        properties["risk"] = _repathed(properties["risk"], churn.salt + finding.paths)
    if churn.case_flips:
        _flip(churned, properties, churn.salt)
    if churn.order_churn:
        return {key: _reordered(value, churn.salt) for key, value in churned.items()}
    return churned


def _repathed(risk: dict[str, Any], salt: int) -> dict[str, Any]:
    rng = random.Random(salt)
    reference = f"path-{rng.getrandbits(32):08x}"
    paths = [{**path, "id": f"{reference}-{number}"} for number, path in enumerate(risk.get("paths") or [])]
    return {**risk, "paths": paths, "attackPathsReferences": [path["id"] for path in paths]}


def flipped(text: str, salt: int) -> str:
    """The same resource id in another casing; never the same twice in a row."""
    variant = salt % 4
    if variant == 1:
        return text.translate(_UPPER).replace("/SUBSCRIPTIONS/", "/subscriptions/")
    if variant == 2:
        return text.replace("/resourcegroups/", "/resourceGroups/").replace(
            "/providers/microsoft.", "/providers/Microsoft."
        )
    if variant == 3:
        return text.translate(_LOWER)
    return text


def _flip(row: dict[str, Any], properties: dict[str, Any], salt: int) -> None:
    row["id"] = flipped(row["id"], salt)
    row["resourceGroup"] = row["resourceGroup"].translate(_UPPER) if salt % 2 else row["resourceGroup"]
    details = dict(properties.get("resourceDetails") or {})
    for key in ("Id", "ResourceId"):
        if key in details:
            details[key] = flipped(details[key], salt + 1)
    properties["resourceDetails"] = details


def _reordered(value: Any, salt: int) -> Any:
    """Arrays rotated, objects with their keys turned round."""
    if isinstance(value, list):
        shift = salt % len(value) if value else 0
        return [_reordered(item, salt) for item in (*value[shift:], *value[:shift])]
    if isinstance(value, dict):
        items = list(value.items())
        return {key: _reordered(item, salt) for key, item in (reversed(items) if salt % 2 else items)}
    return value
