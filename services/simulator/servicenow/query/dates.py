"""`javascript:gs…` in queries, and the relative date operators. Results are stored UTC text."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from services.simulator.servicenow.times import parse, stamp

_CALL = re.compile(r"(?:javascript:)?gs\.(\w+)\((.*)\)\s*;?\Z", re.DOTALL)
_ARGUMENT = re.compile(r"'([^']*)'|\"([^\"]*)\"|(-?\d+)")
_AGO = re.compile(r"(minutes|hours|days|weeks|months|quarters|years)Ago(Start|End)?\Z")
_PERIOD = re.compile(r"(beginning|end)Of(This|Last|Next|Current|One)?(\w+)\Z")
_SPANS = {"minutes": 60, "hours": 3600, "days": 86_400, "weeks": 604_800}
_MONTHS = {"months": 1, "quarters": 3, "years": 12}
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "dayofweek": 86_400, "week": 604_800}
_SHIFT = {"Last": -1, "Next": 1}


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, and who asks: dateGenerate reads its text in the *user's* zone (servicenow-api 1.5)."""

    now: datetime
    tz: tzinfo
    user_id: str = ""
    user_name: str = ""


def evaluate(text: str, moment: Moment) -> str | None:
    """The value of a `javascript:` expression; None if it is not one of those that are known here."""
    found = _CALL.match(text)
    if found is None:
        return None
    name = found[1]
    arguments = [a or b or c for a, b, c in _ARGUMENT.findall(found[2])]
    if name in {"getUserID", "user_id"}:
        return moment.user_id
    if name in {"getUserName", "userName"}:
        return moment.user_name
    if name in {"nowDateTime", "now", "nowNoTZ"}:
        return stamp(moment.now)
    if name == "dateGenerate":
        return _generate(arguments, moment)
    return _relative(name, arguments, moment)


def _generate(arguments: list[str], moment: Moment) -> str | None:
    if not arguments:
        return None
    times = {"start": "00:00:00", "end": "23:59:59"}
    clock = times.get(arguments[1], arguments[1]) if len(arguments) > 1 else "00:00:00"
    local = parse(f"{arguments[0]} {clock}")
    return stamp(local.replace(tzinfo=moment.tz)) if local else None


def _relative(name: str, arguments: list[str], moment: Moment) -> str | None:
    local = moment.now.astimezone(moment.tz)
    if found := _AGO.match(name):
        unit, edge = found[1], found[2]
        count = int(arguments[0]) if arguments and arguments[0].lstrip("-").isdigit() else 0
        there = _ago(local, unit, count)
        return stamp(_edge(there, unit.removesuffix("s"), edge) if edge else there)
    if found := _PERIOD.match(name):
        edge, which, unit = found[1], found[2] or "", found[3].lower()
        return _period(local, edge, which, unit)
    return None


def _period(local: datetime, edge: str, which: str, unit: str) -> str | None:
    days = {"today": 0, "yesterday": -1, "tomorrow": 1}
    if unit in days:
        there, unit = local + timedelta(days=days[unit]), "day"
    elif unit in {"minute", "hour", "week", "month", "quarter", "year"}:
        there = _ago(local, f"{unit}s", -_SHIFT.get(which, 0))
    else:
        return None
    return stamp(_edge(there, unit, "Start" if edge == "beginning" else "End"))


def _ago(local: datetime, unit: str, count: int) -> datetime:
    if unit in _SPANS:
        return local - timedelta(seconds=_SPANS[unit] * count)
    index = local.year * 12 + local.month - 1 - _MONTHS[unit] * count
    return local.replace(year=index // 12, month=index % 12 + 1, day=min(local.day, 28))


def _edge(local: datetime, unit: str, edge: str) -> datetime:
    """The first or last second of the unit that `local` lies in; weeks begin on Monday."""
    start = local.replace(second=0, microsecond=0)
    if unit != "minute":
        start = start.replace(minute=0)
    if unit not in {"minute", "hour"}:
        start = start.replace(hour=0)
    if unit == "week":
        start -= timedelta(days=start.weekday())
    if unit in {"month", "quarter", "year"}:
        start = start.replace(day=1)
    if unit == "quarter":
        start = start.replace(month=(start.month - 1) // 3 * 3 + 1)
    if unit == "year":
        start = start.replace(month=1)
    return start if edge == "Start" else _ago(start, f"{unit}s", -1) - timedelta(seconds=1)


def offset(value: str, moment: Moment) -> tuple[str, str] | None:
    """`@hour@ago@1`: the moment meant and the unit; None if it can't be read."""
    parts = value.lstrip("@").split("@")
    if len(parts) != 3 or not parts[2].isdigit():
        return None
    count = int(parts[2]) * (1 if parts[1] == "ago" else -1)
    unit = parts[0].removesuffix("s")
    if unit in _UNITS:
        return stamp(moment.now - timedelta(seconds=_UNITS[unit] * count)), unit
    if f"{unit}s" in _MONTHS:
        return stamp(_ago(moment.now, f"{unit}s", count)), unit
    return None


def span(parts: list[str]) -> int | None:
    """Seconds of `[unit, before|after, count]`, negative for before; None if it can't be read."""
    if len(parts) != 3 or not parts[2].isdigit() or parts[0].removesuffix("s") not in _UNITS:
        return None
    return _UNITS[parts[0].removesuffix("s")] * int(parts[2]) * (-1 if parts[1] == "before" else 1)


_PARTS: dict[str, Callable[[datetime], set[str]]] = {
    "dayofweek": lambda d: {d.strftime("%A").lower(), str(d.isoweekday())},
    "month": lambda d: {d.strftime("%b").lower(), d.strftime("%B").lower(), str(d.month)},
    "quarter": lambda d: {str((d.month - 1) // 3 + 1)},
    "year": lambda d: {str(d.year)},
    "week": lambda d: {str(d.isocalendar().week)},
    "hour": lambda d: {str(d.hour), d.strftime("%H")},
}
_DATE_PART = re.compile(r"datePart\('(\w+)','(\w+)'(?:,'(\w+)')?\)")


def date_part(value: str, stored: str, moment: Moment) -> bool:
    """Whether the stored time falls on `Monday@javascript:gs.datePart('dayofweek','monday','EE')`."""
    found = _DATE_PART.search(value)
    there = parse(stored)
    if found is None or there is None or found[1] not in _PARTS:
        return False
    return found[2].lower() in _PARTS[found[1]](there.replace(tzinfo=UTC).astimezone(moment.tz))
