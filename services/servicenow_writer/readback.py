"""What the instance made of the fields that were sent. Pure (servicenow-api 1.7, 1.9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from common.servicenow.records import Record

JOURNALS = ("work_notes", "comments")  # read back as "" (servicenow-api 1.8)
Fate = Literal["dropped", "cut", "rewritten"]
_MENDS: Mapping[Fate, str] = {
    "dropped": "dropped {field}: grant the integration user write and read access, or check the value",
    "cut": "cut {field} to {length} characters",
    "rewritten": "holds another value in {field} than was sent: a business rule or a default wrote it",
}


@dataclass(frozen=True, slots=True)
class Deviation:
    """A field that does not hold what was sent."""

    field: str
    fate: Fate
    length: int = 0

    def sentence(self, table: str) -> str:
        told = _MENDS[self.fate].format(field=f"{table}.{self.field}", length=self.length)
        return f"ServiceNow {told}."


def returning(sent: Mapping[str, str]) -> tuple[str, ...]:
    """The fields to ask for in a write's answer (sys_id, number and the counters come anyway)."""
    asked = ("state", "active", "assigned_to", "hold_reason", "correlation_id", "correlation_display", *sent)
    return tuple(dict.fromkeys(name for name in asked if name not in JOURNALS))


def deviations(sent: Mapping[str, str], stored: Record, before: Record | None = None) -> list[Deviation]:
    """Compare what was sent with what stands there; `before` is the ticket ahead of a change."""
    found = []
    for name, value in sent.items():
        if name in JOURNALS or name == "sys_id":
            continue
        if fate := _fate(name, value, stored, before or {}):
            found.append(Deviation(name, fate, len(stored.get(name, ""))))
    return found


def _fate(name: str, value: str, stored: Record, before: Record) -> Fate | None:
    now = stored.get(name)
    if now is None:
        return "dropped"
    if _same(now, value):
        return None
    if not now or now == before.get(name):
        return "dropped"
    return "cut" if _plain(value).startswith(_plain(now)) else "rewritten"


def _same(now: str, value: str) -> bool:
    return now == value or _plain(now) == _plain(value)


def _plain(text: str) -> str:
    """Line ends and trailing blanks are the instance's affair."""
    return text.replace("\r\n", "\n").strip()
