"""A rule file -> `RuleSet`, or every mistake in it at once."""

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from common.rules.checks import Found, check_rule, check_ticket
from common.rules.errors import RuleError, RuleErrors
from common.rules.hints import closest, sentence
from common.rules.merge import rule_set
from common.rules.ruleset import RuleSet
from common.rules.source import Path, Source, read_source
from common.rules.spec import Defaults, Document, RuleSpec, Ticket

DEFAULT_RULES = FilePath(__file__).with_name("default.yaml")
_TOP = ["version", "defaults", "rules"]
M = TypeVar("M", bound=BaseModel)


def load_rules(path: FilePath | str) -> RuleSet:
    """Read a rule file.

    Raises RuleErrors with all mistakes, also where the file can't be read.
    """
    name = str(path)
    try:
        text = FilePath(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise RuleErrors(
            [RuleError(name, 0, "", f"the file can't be read: {why}", "check path and rights")]
        ) from error
    return parse_rules(text, name)


def parse_rules(text: str, file: str = "<rules>") -> RuleSet:
    """The rules in a text.

    Raises RuleErrors with all mistakes.
    """
    document, errors = read_document(text, file)
    if errors or document is None:
        raise RuleErrors(errors)
    return rule_set(document)


def read_document(text: str, file: str) -> tuple[Document | None, list[RuleError]]:
    """The file as written, and what is wrong with it; a document only when nothing is."""
    try:
        source = read_source(text)
    except yaml.YAMLError as error:
        return None, [_yaml_error(error, file)]
    reader = _Reader(source)
    document = reader.document()
    errors = [RuleError(file, source.line(p), dotted(p), problem, mend) for p, problem, mend in reader.found]
    errors += [
        RuleError(file, line, dotted(p), f"the key {str(p[-1])!r} stands here twice", "take one out")
        for p, line in source.twice
    ]
    return (None if errors else document), errors


def dotted(path: Path) -> str:
    """`rules[2].when.risk` of ("rules", 2, "when", "risk")."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _yaml_error(error: yaml.YAMLError, file: str) -> RuleError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    line = mark.line + 1 if mark else 0
    return RuleError(file, line, "", f"no valid YAML: {problem}", "check indentation, quotes and brackets")


class _Reader:
    """Reads part by part, so that a mistake in one does not hide those in the others."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: list[Found] = []

    def document(self) -> Document | None:
        data = self.source.data
        if not isinstance(data, dict):
            self.found.append(((), "the file holds no rules", "write version, defaults and rules"))
            return None
        for key in data.keys() - set(_TOP):
            self.found.append(((str(key),), f"unknown key {key!r}", closest(str(key), _TOP)))
        if data.get("version") != 1:
            self.found.append(
                (("version",), "the format's version is not said or not known", "write version: 1")
            )
        given = data.get("defaults")
        defaults = self._part(Defaults, {} if given is None else given, ("defaults",))
        if defaults and defaults.ticket:
            self._add(("defaults",), check_ticket(defaults.ticket))
        rules = list(self._rules(data.get("rules"), defaults or Defaults()))
        if self.found:
            return None
        return Document.model_construct(version=1, defaults=defaults or Defaults(), rules=tuple(rules))

    def _rules(self, given: Any, defaults: Defaults) -> Iterator[RuleSpec]:
        if not isinstance(given, list) or not given:
            self.found.append((("rules",), "there are no rules", "add a list of rules"))
            return
        first: dict[str, int] = {}
        for index, item in enumerate(given):
            place: Path = ("rules", index)
            name = item.get("id") if isinstance(item, dict) else None
            if isinstance(name, str) and name in first:
                line = self.source.line(("rules", first[name]))
                self.found.append(
                    ((*place, "id"), f"the id {name!r} is taken by the rule in line {line}", "ids are unique")
                )
            elif isinstance(name, str):
                first[name] = index
            rule = self._part(RuleSpec, item, place)
            if rule is not None:
                self._add(place, check_rule(rule, defaults))
                yield rule

    def _part(self, model: type[M], given: Any, place: Path) -> M | None:
        try:
            return model.model_validate(given)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                path, problem, mend = sentence(detail, model)
                self.found.append(((*place, *path), problem, mend))
            self._templates(given, place)
            return None

    def _templates(self, given: Any, place: Path) -> None:
        """Check the ticket of a part that is wrong elsewhere."""
        try:
            ticket = Ticket.model_validate(given.get("ticket") if isinstance(given, dict) else None)
        except ValidationError:
            return
        self._add(place, check_ticket(ticket))

    def _add(self, place: Path, found: Iterator[Found]) -> None:
        self.found += [((*place, *path), problem, mend) for path, problem, mend in found]
