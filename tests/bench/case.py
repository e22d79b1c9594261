"""What a case found: facts, and goals beside what was measured."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """`limit` is the most that is allowed; with `least` the least."""

    what: str
    limit: float
    measured: float
    least: bool = False

    @property
    def met(self) -> bool:
        return self.measured >= self.limit if self.least else self.measured <= self.limit

    @property
    def asked(self) -> str:
        return f"{'at least' if self.least else 'at most'} {number(self.limit)}"

    @property
    def verdict(self) -> str:
        return "met" if self.met else "missed"


@dataclass(frozen=True, slots=True)
class Case:
    """`summary` is for people, `facts` for machines; `bound` says what stands in the way of a missed goal."""

    name: str
    summary: str
    facts: dict[str, Any]
    goals: tuple[Goal, ...] = ()
    bound: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        return all(goal.met for goal in self.goals)

    def line(self) -> str:
        """One line of JSON."""
        goals = [
            {
                "goal": goal.what,
                "at": "least" if goal.least else "most",
                "limit": goal.limit,
                "measured": goal.measured,
                "met": goal.met,
            }
            for goal in self.goals
        ]
        content = {"case": self.name, **self.facts, "goals": goals}
        return json.dumps(content if self.met else {**content, "bound": self.bound})


def number(value: float) -> str:
    """For people: three digits that count, thousands apart."""
    if value == int(value) or abs(value) >= 100:
        return f"{round(value):,}"
    return f"{value:.3g}"


def listed(parts: dict[str, float], unit: str = "") -> str:
    """`collector 7.2, mapper 12`, the largest first, without what is nought."""
    ordered = sorted(parts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {number(value)}{unit}" for name, value in ordered if number(value) != "0")
