"""Microsoft's OpenAPI definitions as JSON schema."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

SPECS = Path(__file__).resolve().parents[2] / "data" / "azure" / "specs"
_SECURITY = "security/resource-manager/Microsoft.Security/stable"
ASSESSMENTS = f"{_SECURITY}/2021-06-01/assessments.json"
METADATA = f"{_SECURITY}/2021-06-01/assessmentMetadata.json"
PRICINGS = f"{_SECURITY}/2024-01-01/pricings.json"
GRAPH = "resourcegraph/resource-manager/Microsoft.ResourceGraph/stable/2022-10-01/resourcegraph.json"
_BASE = "https://specs.example/"


def _relaxed(node: Any) -> Any:
    """Enums with modelAsString are open; `type: object` without properties stands for any value."""
    if isinstance(node, dict):
        open_enum = node.get("x-ms-enum", {}).get("modelAsString")
        kept = {key: _relaxed(value) for key, value in node.items() if not (key == "enum" and open_enum)}
        if node.get("type") == "object" and not {"properties", "allOf", "additionalProperties"} & node.keys():
            kept.pop("type")
        return kept
    return [_relaxed(item) for item in node] if isinstance(node, list) else node


def _registry() -> Registry[Any]:
    resources = []
    for path in SPECS.rglob("*.json"):
        content = _relaxed(json.loads(path.read_text(encoding="utf-8-sig")))
        resources.append((_BASE + str(path.relative_to(SPECS)), DRAFT4.create_resource(content)))
    return Registry().with_resources(resources)


def errors(document: Any, spec: str, definition: str) -> list[str]:
    """What in the document breaks the definition; empty when it is valid."""
    schema = {"$ref": f"{_BASE}{spec}#/definitions/{definition}"}
    validator = Draft4Validator(schema, registry=_registry())
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator.iter_errors(document)
    ]
