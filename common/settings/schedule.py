"""When a connection is synced: cron or interval, both as slots on the clock.

A slot is a moment that the schedule names. It depends on the clock only, so a restarted or doubled
scheduler means the same slots, and a missed one is seen by comparing it with the last good run.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from celery.schedules import ParseException, crontab

_UNITS = {"m": 60, "h": 3600, "d": 86400}
_EVERY = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_SUNDAY = re.compile(r"(?<![/\d])7(?!\d)")  # cron(8) takes 0 and 7
_LEAST_SECONDS = 300
_HORIZON_DAYS = 366 * 9  # 29 February, across a century year without one


@dataclass(frozen=True, slots=True)
class Schedule:
    """`text` as written; `seconds` (slots count from 1970-01-01 UTC) or else the sets of cron, in UTC."""

    text: str
    seconds: int = 0
    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    either_day: bool = False  # cron(8): day of month and day of week are alternatives when both are given

    def previous(self, now: datetime) -> datetime:
        """The latest slot that is not after `now` (aware, UTC)."""
        if self.seconds:
            return datetime.fromtimestamp(int(now.timestamp()) // self.seconds * self.seconds, UTC)
        found = self._find(now, -1)
        return max(moment for moment in found if moment <= now)

    def following(self, now: datetime) -> datetime:
        """The first slot after `now`."""
        if self.seconds:
            return self.previous(now) + timedelta(seconds=self.seconds)
        found = self._find(now, 1)
        return min(moment for moment in found if moment > now)

    def _find(self, now: datetime, step: int) -> list[datetime]:
        """The slots of the nearest day, going `step`, that has one on the right side of `now`."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        for _ in range(_HORIZON_DAYS):
            if self._on(day):
                slots = [day.replace(hour=h, minute=m) for h in self.hours for m in self.minutes]
                if any((slot <= now) if step < 0 else (slot > now) for slot in slots):
                    return slots
            day += timedelta(days=step)
        raise ValueError(f"the schedule {self.text!r} names no moment")

    def _on(self, day: datetime) -> bool:
        month_day, week_day = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        fits = (month_day or week_day) if self.either_day else (month_day and week_day)
        return day.month in self.months and fits


def parse_schedule(text: str) -> Schedule:
    """`24h`, `90m`, `2d`, or five fields of cron in UTC. Raises ValueError with the mend."""
    stripped = " ".join(text.split())
    if match := _EVERY.fullmatch(stripped):
        seconds = int(match[1]) * _UNITS[match[2]]
        if seconds < _LEAST_SECONDS:
            raise ValueError("is shorter than 5 minutes; write 5m or more")
        return Schedule(stripped, seconds)
    fields = stripped.split(" ")
    if len(fields) != 5:
        raise ValueError(
            "is no schedule; write an interval such as 24h, or five fields of cron in UTC: '0 2 * * *'"
        )
    try:
        cron = crontab(fields[0], fields[1], _SUNDAY.sub("0", fields[4]), fields[2], fields[3])
    except (ParseException, ValueError) as error:
        raise ValueError(f"is no cron schedule: {error}; write it like '0 2 * * *'") from None
    schedule = Schedule(
        stripped,
        0,
        tuple(sorted(cron.minute)),
        tuple(sorted(cron.hour)),
        frozenset(cron.day_of_month),
        frozenset(cron.month_of_year),
        frozenset(cron.day_of_week),
        not fields[2].startswith("*") and not fields[4].startswith("*"),
    )
    schedule.following(datetime(2024, 1, 1, tzinfo=UTC))  # refuses 30 February
    return schedule
