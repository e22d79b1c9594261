"""Records as JSON values: strings only, three display modes, versioned links (servicenow-api 1.4)."""

from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from services.simulator.servicenow.coerce import Coercion
from services.simulator.servicenow.dictionary.schema import DATES, JOURNALS, REFERENCES, Column, Table
from services.simulator.servicenow.journal import running_text
from services.simulator.servicenow.query.conditions import Scope, resolve
from services.simulator.servicenow.store import Row
from services.simulator.servicenow.times import to_local

_UNKNOWN = frozenset({"sla_due", "activity_due"})


@dataclass(frozen=True, slots=True)
class View:
    """How the client wants records: `display` is "false", "true" or "all"; `base` begins reference links."""

    scope: Scope
    coercion: Coercion
    base: str
    display: str = "false"
    links: bool = True
    fields: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()
    journals_shown: bool = False

    @property
    def tz(self) -> tzinfo:
        return self.coercion.tz

    def record(self, row: Row, table: Table) -> dict[str, Any]:
        """One record. Names that do not exist or may not be read are absent (servicenow-api 1.5)."""
        if not self.fields:
            return self._every(row, table)
        answer: dict[str, Any] = {}
        for path in self.fields:
            if path in self.hidden:
                continue
            column = table.columns.get(path)
            if column is not None:
                answer[path] = self.value(row.get(path, ""), column, row)
            elif "." in path and (found := resolve(self.scope, path)):
                answer[path] = self.value(found[0](row), found[1], {})
        return answer

    def _every(self, row: Row, table: Table) -> dict[str, Any]:
        hidden, value = self.hidden, self.value
        if self.display != "false":
            return {n: value(row.get(n, ""), c, row) for n, c in table.columns.items() if n not in hidden}
        answer: dict[str, Any] = table.full(row)
        for name, text in row.items():
            column = table.columns.get(name)
            if column is not None and column.kind in REFERENCES:
                answer[name] = value(text, column, row)
        for name in hidden:
            answer.pop(name, None)
        return answer

    def value(self, text: str, column: Column, row: Row) -> Any:
        """One value in the wanted mode."""
        if column.kind in REFERENCES:
            return self._reference(text, column)
        if self.display == "false":
            return text
        shown = self.shown(text, column, row)
        return shown or "" if self.display == "true" else {"display_value": shown, "value": text}

    def shown(self, text: str, column: Column, row: Row) -> str | None:
        """The display value; an empty choice has none (null in mode `all`)."""
        if column.choice_list:
            return self.coercion.choices(column).get(text, text) if text else None
        if column.kind in JOURNALS:
            return self._journal(column, row)
        if not text:
            return "UNKNOWN" if column.name in _UNKNOWN else ""
        if column.kind in DATES:
            return to_local(text, self.tz)
        known = self.scope.database.schema.get(text) if column.kind == "sys_class_name" else None
        return known.label if known else text

    def _journal(self, column: Column, row: Row) -> str:
        if not self.journals_shown or not row:
            return ""
        return running_text(self.scope.database, row.get("sys_id", ""), column.name, self.tz)

    def _reference(self, text: str, column: Column) -> Any:
        shown = ""
        if self.display != "false" and text:
            shown = text if text == "global" else self.scope.database.display(column.reference, text)
        link = f"{self.base}/table/{column.reference}/{text}"
        if self.display == "all":
            pair = {"display_value": shown, "value": text}
            return {**pair, "link": link} if text and self.links else pair
        if not text:
            return ""
        plain = shown if self.display == "true" else text
        if not self.links:
            return plain
        return (
            {"display_value": shown, "link": link}
            if self.display == "true"
            else {"link": link, "value": text}
        )
