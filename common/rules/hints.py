"""What pydantic found wrong, said as a sentence with its mend."""

import difflib
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from common.rules.source import Path


def sentence(error: ErrorDetails, root: type[BaseModel]) -> tuple[Path, str, str]:
    """(path in the YAML, problem, mend) of one pydantic error."""
    path = tuple(p for p in error["loc"] if not _is_marker(p))
    kind, given = error["type"], error["input"]
    if kind == "extra_forbidden":
        known = sorted(_keys_at(root, path[:-1]))
        return path, f"unknown key {str(path[-1])!r}", closest(str(path[-1]), known)
    if kind == "missing":
        return path, f"the key {str(path[-1])!r} is missing", f"add {path[-1]}: …"
    if kind == "literal_error":
        known = _quoted(error.get("ctx", {}).get("expected", ""))
        return path, f"{given!r} is not known here", closest(str(given), known)
    if kind == "string_pattern_mismatch":
        return path, f"{given!r} is not allowed here", f"it must match {error['ctx']['pattern']}"
    message = error["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return path, message, ""
    return path, f"{given!r}: {message[:1].lower()}{message[1:]}", ""


def closest(word: str, known: list[str]) -> str:
    """`did you mean`, or the list of what there is."""
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"


def _quoted(expected: str) -> list[str]:
    return [w.strip(" '") for w in expected.replace(" or ", ",").split(",") if w.strip(" '")]


def _is_marker(part: object) -> bool:
    """Pydantic puts names of union branches into a location; YAML keys never look like that."""
    return isinstance(part, str) and ("[" in part or part in ("constrained-int", "int", "[key]"))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, tuple):
        for argument in get_args(annotation):
            yield from _models(argument)


def _keys_at(root: type[BaseModel], path: Path) -> list[str]:
    model = root
    for part in path:
        if isinstance(part, int):
            continue
        found = model.model_fields.get(part)
        inner = list(_models(found.annotation)) if found else []
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)
