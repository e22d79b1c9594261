"""What becomes of a value that a client sends: dropped, emptied or cut, never refused.

Source: servicenow-api 1.7 and 1.9.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from services.simulator.servicenow.dictionary import choices as choice_texts
from services.simulator.servicenow.dictionary.schema import (
    DATES,
    LARGE,
    NUMBERS,
    REFERENCES,
    Column,
    read_choices,
)
from services.simulator.servicenow.modes import Modes
from services.simulator.servicenow.store import Database
from services.simulator.servicenow.times import from_local, parse, stamp


def as_text(raw: Any) -> str:
    """JSON values as the Table API's Java side prints them: an object becomes a map's text."""
    match raw:
        case str():
            return raw
        case None:
            return ""
        case bool():
            return "true" if raw else "false"
        case dict():
            return "{" + ", ".join(f"{key}={as_text(value)}" for key, value in raw.items()) + "}"
        case list():
            return "[" + ", ".join(map(as_text, raw)) + "]"
    return str(raw)


@dataclass(frozen=True, slots=True)
class Coercion:
    """How values are taken: `display_input` is sysparm_input_display_value."""

    database: Database
    modes: Modes
    tz: tzinfo
    display_input: bool = False

    def choices(self, column: Column) -> Mapping[str, str]:
        """The column's choice list on this instance; the set of close codes differs (servicenow-api 6.1)."""
        if column.choice_list == "close_code" and self.modes["close_codes"] == "legacy":
            return read_choices(choice_texts.CHOICES["close_code_legacy"])
        return column.choices

    def value(self, column: Column, raw: Any, current: str) -> str:
        """What is stored for `raw`; `current` is what stands there now."""
        text = as_text(raw)
        if column.kind in REFERENCES:
            return self._reference(column, text)
        if column.choice_list:
            return self._choice(column, text, current)
        if column.kind == "boolean":
            return "true" if text.lower() in {"true", "1", "yes", "on"} else "false"
        if column.kind in NUMBERS:
            return text if text.lstrip("-").replace(".", "", 1).isdigit() else ""
        if column.kind in DATES:
            return self._date(column, text)
        return cut(text, column.length)

    def _reference(self, column: Column, text: str) -> str:
        if not text or (column.kind == "domain_id" and text == "global"):
            return text
        if column.reference in self.database.schema:
            if self.database.locate(column.reference, text):
                return text
            if self.display_input and (found := self._by_display(column.reference, text)):
                return found
        return text[:32] if self.modes["reference_keep_unresolved"] else ""

    def _by_display(self, table: str, text: str) -> str:
        for store in self.database.family(table):
            name = store.table.display
            for sys_id, row in store.rows.items():
                if row.get(name) == text:
                    return sys_id
        return ""

    def _choice(self, column: Column, text: str, current: str) -> str:
        known = self.choices(column)
        if text in known or (text and self.modes["choice_allow_non_existing"]):
            return text[: column.length]
        if not text:
            return current if column.default else ""
        if self.display_input:
            labels = {label: value for value, label in known.items()}
            if text in labels:
                return labels[text]
        return column.default

    def _date(self, column: Column, text: str) -> str:
        if column.kind == "glide_date":
            return text[:10] if parse(text) else ""
        if self.display_input:
            return from_local(text, self.tz)
        moment = parse(text)
        return stamp(moment) if moment else ""


def cut(text: str, length: int) -> str:
    """A varchar keeps `length` characters; what the dictionary calls longer than 255 is a mediumtext."""
    if length <= 255:
        return text[:length]
    if len(text) * 4 <= LARGE:
        return text
    return text.encode()[:LARGE].decode(errors="ignore")
