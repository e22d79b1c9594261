"""Grouped or individual recommendation: told by a predicate that the rule file sets.

How Resource Graph marks individual recommendations is UNVERIFIED (they are in preview beside the grouped
ones), so without a predicate every row counts as grouped.
"""

from collections.abc import Mapping
from typing import Any

from common.rules.ruleset import Predicate


def model_of(row: Mapping[str, Any], predicate: Predicate | None) -> str:
    """`individual` or `grouped` for an assessment row as Azure sent it."""
    if predicate is None:
        return "grouped"
    value: Any = row
    for name in predicate.field.split("."):
        if not isinstance(value, Mapping):
            return "grouped"
        wanted = name.lower()
        value = next((v for k, v in value.items() if str(k).lower() == wanted), None)
    return "individual" if str(value).strip().lower() in predicate.equals else "grouped"
