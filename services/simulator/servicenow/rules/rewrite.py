"""Mode rule_rewrites_field: a customer's business rule that edits our field, as our own user."""

from dataclasses import dataclass
from typing import Any

from services.simulator.servicenow.dictionary.schema import Table


@dataclass(frozen=True, slots=True)
class Rewrite:
    """`later`: in a transaction of its own, `delay` seconds after ours (parameter `async`)."""

    field: str
    suffix: str
    later: bool
    delay: float

    @classmethod
    def of(cls, parameters: Any, table: Table) -> "Rewrite | None":
        """What the mode's parameters mean for a table; None if the mode is off or meant for another."""
        if not isinstance(parameters, dict) or parameters.get("table", table.name) != table.name:
            return None
        field = str(parameters.get("field", "short_description"))
        if field not in table.columns:
            return None
        return cls(
            field=field,
            suffix=str(parameters.get("suffix", " [checked]")),
            later=bool(parameters.get("async", False)),
            delay=float(parameters.get("delay", 0.2)),
        )

    def value(self, table: Table, current: str) -> str:
        """The field with the suffix, once; cut so that the suffix fits into a varchar."""
        if current.endswith(self.suffix):
            return current
        length = table.columns[self.field].length
        room = length - len(self.suffix) if length <= 255 else len(current)
        return current[: max(0, room)] + self.suffix
