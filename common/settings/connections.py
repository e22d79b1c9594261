"""connections.yaml: read whole, with every mistake named at once."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from common.errors import Fatal
from common.settings import connection as models
from common.settings.connection import Connection
from common.settings.explain import explain, suggestion
from common.settings.problems import ConfigurationError, Problem
from common.settings.reference import Reference
from common.settings.yaml_source import YamlFile, dotted

VERSION = 1
_TOP = ("version", "connections")
# pydantic puts the tag of a union's member into the path; people don't write it.
_TAGS = frozenset(
    (
        "client_secret",
        "certificate",
        "workload_identity",
        "managed_identity",
        "client_credentials",
        "password",
        "jwt_bearer",
        "basic",
    )
)


def load_connections(path: Path, *, check_files: bool = True) -> tuple[Connection, ...]:
    """Every connection of the file, disabled ones included, in its order.

    With `check_files` the rule files, CA bundles and secrets that it names must be there. Raises
    ConfigurationError with all mistakes: file, line, path, mend; never a secret's value.
    """
    source = YamlFile(path).read()
    problems = list(source.problems)
    found: list[tuple[int, Connection]] = []
    for index, entry in enumerate(_entries(source, problems)):
        try:
            one = Connection.model_validate(entry, context={"base": path.parent.absolute()})
        except ValidationError as error:
            problems += _explained(source, index, error)
        else:
            found.append((index, one))
            if check_files and one.enabled:
                problems += _absent(source, index, one)
    problems += _clashes(source, found)
    if problems:
        raise ConfigurationError(sorted(problems, key=lambda problem: problem.line))
    return tuple(one for _, one in found)


def _entries(source: YamlFile, problems: list[Problem]) -> list[Any]:
    data = source.data
    if not isinstance(data, dict):
        problems.append(
            Problem(source.name, "", "is no mapping", "begin it with `version: 1` and `connections:`")
        )
        return []
    for name in data:
        if name not in _TOP:
            mend = suggestion(str(name), _TOP) or "remove it"
            problems.append(Problem(source.name, str(name), "is not known", mend, source.line([name])))
    if data.get("version") != VERSION:
        problems.append(
            Problem(source.name, "version", "must be 1", "write `version: 1`", source.line(["version"]))
        )
    entries = data.get("connections")
    if not isinstance(entries, list) or not entries:
        what, mend = "must be a list of at least one connection", "see docs/configuration.md"
        problems.append(Problem(source.name, "connections", what, mend, source.line(["connections"])))
        return []
    return entries


def _explained(source: YamlFile, index: int, error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_input=False):
        what, mend = explain(detail, _known_names())
        path = ["connections", index, *_written(detail["loc"])]
        yield Problem(source.name, dotted(path), what, mend, source.line(path))


def _written(loc: Sequence[str | int]) -> list[str | int]:
    """The path as it stands in the file: without the tag that follows `credential` or `auth`."""
    pairs = zip(loc, ("", *loc), strict=False)
    return [step for step, before in pairs if not (before in ("credential", "auth") and step in _TAGS)]


def _known_names() -> set[str]:
    classes = [c for c in vars(models).values() if isinstance(c, type) and issubclass(c, BaseModel)]
    return {name for cls in classes for name in cls.model_fields}


def _absent(source: YamlFile, index: int, value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Problem]:
    """Files and secrets that are named but not there."""
    place = ["connections", index, *path]
    if isinstance(value, Reference):
        try:
            value.read()
        except Fatal as error:
            what, _, mend = str(error).partition("; ")
            yield Problem(source.name, dotted(place), what, mend, source.line(place))
    elif isinstance(value, Path):
        if not value.is_file():
            what = f"names the file {value}, which is not there"
            yield Problem(
                source.name, dotted(place), what, "correct the path or mount the file", source.line(place)
            )
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _absent(source, index, getattr(value, name), (*path, name))


def _clashes(source: YamlFile, found: list[tuple[int, Connection]]) -> Iterator[Problem]:
    """Ids that stand twice; a subscription that two connections name for one instance."""
    ids: set[str] = set()
    claimed: dict[tuple[str, str], str] = {}
    path: list[str | int]
    for index, one in found:
        if one.id in ids:
            path = ["connections", index, "id"]
            what = f"'{one.id}' is taken by a connection above"
            yield Problem(source.name, dotted(path), what, "choose another id", source.line(path))
        ids.add(one.id)
        for number, subscription in enumerate(one.scope.subscriptions if one.enabled else ()):
            owner = claimed.setdefault((one.servicenow.url, subscription), one.id)
            if owner != one.id:
                path = ["connections", index, "scope", "subscriptions", number]
                what = f"{subscription} is claimed by connection '{owner}' for the same instance"
                yield Problem(
                    source.name, dotted(path), what, "leave it to one of the two", source.line(path)
                )
