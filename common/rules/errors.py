"""Mistakes in a rule file, all of them at once, each with place and mend."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import Fatal


@dataclass(frozen=True, slots=True)
class RuleError:
    """One mistake. `line` counts from 1 (0: the whole file); `path` is the place in the YAML."""

    file: str
    line: int
    path: str
    problem: str
    mend: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        where = f" at {self.path}" if self.path else ""
        return f"{place}{where}: {self.problem}" + (f" ({self.mend})" if self.mend else "")


class RuleErrors(Fatal):
    """A rule file that can't be used; `errors` holds every mistake in it."""

    def __init__(self, errors: Sequence[RuleError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda e: (e.file, e.line, e.path)))
        count = len(self.errors)
        head = "1 mistake in the rules" if count == 1 else f"{count} mistakes in the rules"
        super().__init__("rules_invalid", "\n".join([head, *(f"  {e}" for e in self.errors)]))
