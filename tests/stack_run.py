"""A run that is over, for a test to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.model.decision import Outcome
from common.state.runs import Findings, Groups


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is over."""

    run: str
    record: Mapping[str, str]
    findings: Findings
    groups: Groups
    told: Sequence[tuple[str, str]]
    seconds: float

    @property
    def status(self) -> str:
        return self.record["status"]

    @property
    def reasons(self) -> set[str]:
        """Reasons of the sentences in the record."""
        return {reason for reason, _ in self.told}

    def count(self, outcome: Outcome) -> int:
        return self.groups.count(outcome)

    @property
    def balanced(self) -> bool:
        """Both ledgers add up, now and by the run's own word."""
        said = self.record.get("findings_balanced"), self.record.get("groups_balanced")
        return self.findings.balanced and self.groups.balanced and said == ("1", "1")

    def __str__(self) -> str:
        return f"{self.run}: {dict(self.record)}\n{self.findings}\n{self.groups}\n{list(self.told)}"
