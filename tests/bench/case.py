"""What a case found: facts, and goals beside what was measured."""

import json
import operator
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Goal:
    """`limit` is the most or the least that is asked, or exactly what is."""

    what: str
    limit: float
    measured: float
    at: Literal["most", "least", "exactly"] = "most"

    @property
    def met(self) -> bool:
        compare = {"most": operator.le, "least": operator.ge, "exactly": operator.eq}[self.at]
        return bool(compare(self.measured, self.limit))

    @property
    def asked(self) -> str:
        return f"{'' if self.at == 'exactly' else 'at '}{self.at} {number(self.limit)}"

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
                "at": goal.at,
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
