"""ServiceNow's times: whole seconds, UTC, no zone; display values in the user's zone (servicenow-api 1.4)."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FORMAT = "%Y-%m-%d %H:%M:%S"
_SHAPE = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?\Z")


def stamp(moment: datetime) -> str:
    """`YYYY-MM-DD HH:MM:SS` in UTC; the fraction is cut off, not rounded."""
    return moment.astimezone(UTC).strftime(FORMAT)


def parse(text: str) -> datetime | None:
    """The moment of a stored value, taken as UTC; None if it has another shape."""
    if not _SHAPE.match(text):
        return None
    try:
        return datetime.strptime(text if len(text) > 10 else f"{text} 00:00:00", FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def zone(name: str) -> tzinfo:
    """A time zone by name. Without a time zone database, Los Angeles' winter time: only not UTC matters."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return timezone(timedelta(hours=-8), name)


def to_local(text: str, tz: tzinfo) -> str:
    """Stored UTC text as the user with time zone `tz` sees it."""
    moment = parse(text)
    return text if moment is None else moment.astimezone(tz).strftime(FORMAT)


def from_local(text: str, tz: tzinfo) -> str:
    """The user's text as stored UTC; empty if it is no date."""
    moment = parse(text)
    return "" if moment is None else stamp(moment.replace(tzinfo=tz))
