"""pydantic's errors as sentences that name the mend and never show a value that may be secret."""

import difflib
from collections.abc import Collection

from pydantic_core import ErrorDetails

_MENDS = {
    "missing": ("is missing", "add it"),
    "string_type": ("must be text", "put it in quotes"),
    "int_parsing": ("must be a whole number", "write digits only"),
    "int_type": ("must be a whole number", "write digits only"),
    "float_parsing": ("must be a number", "write digits, with a point where needed"),
    "bool_parsing": ("must be true or false", "write one of the two"),
    "bool_type": ("must be true or false", "write one of the two"),
    "tuple_type": ("must be a list", "write it as [a, b] or one item a line with a dash"),
    "list_type": ("must be a list", "write it as [a, b] or one item a line with a dash"),
    "model_type": ("must be a mapping", "write `name: value` lines below it"),
    "union_tag_not_found": ("has no kind", "add `kind:`"),
}


def suggestion(name: str, known: Collection[str]) -> str:
    """`did you mean 'x'?` when a known name is near, else an empty string."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f"did you mean '{near[0]}'?" if near else ""


def explain(error: ErrorDetails, known: Collection[str]) -> tuple[str, str]:
    """(what is wrong, the mend) of one pydantic error. `known` are the names that a misspelt one may mean."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _MENDS:
        return _MENDS[kind]
    if kind == "extra_forbidden":
        name = str(error["loc"][-1])
        return "is not known", suggestion(name, known) or "remove it"
    if kind in ("literal_error", "enum"):
        return "has a value that is not offered", f"use {context.get('expected', 'an offered value')}"
    if kind == "union_tag_invalid":
        return "has a kind that is not offered", f"use one of {context.get('expected_tags', '')}"
    if kind == "value_error":
        what, _, mend = str(context.get("error", error["msg"])).partition("; ")
        return what, mend
    return error["msg"].removeprefix("Input ").lower().replace("should be", "must be"), ""
