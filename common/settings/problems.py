"""Mistakes in configuration: all of them at once, each with its place and its mend."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `line` is 1-based, 0 when the source has no lines (the environment)."""

    source: str
    path: str
    what: str
    mend: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}" if self.line else self.source
        place = f"{where}: {self.path}" if self.path else where
        return f"{place}: {self.what}" + (f"; {self.mend}" if self.mend else "")


class ConfigurationError(Exception):
    """Configuration that can't be used. `problems` holds every mistake that was found, never a secret."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))
