"""A ticket record as the Table API gives it: values as texts, some of them missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from common.identity import parse_correlation
from common.model.link import Link


def unix_seconds(text: str) -> int:
    """Unix seconds of a raw `YYYY-MM-DD HH:MM:SS`, which is UTC (servicenow-api 1.5); 0 if it is none."""
    try:
        return int(datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0


@dataclass(frozen=True, slots=True)
class Record:
    """Reads a record; `our_user` tells our own updates from other people's."""

    values: Mapping[str, str]
    our_user: str

    def get(self, name: str) -> str | None:
        return self.values.get(name)

    def text(self, name: str) -> str:
        return (self.values.get(name) or "").strip()

    @property
    def by_us(self) -> bool:
        """Whether the last update ran as our user: our own write, or a business rule after it."""
        return self.text("sys_updated_by") == self.our_user

    @property
    def mod_count(self) -> int:
        text = self.text("sys_mod_count")
        return int(text) if text.isdecimal() else -1

    def active(self, default: bool) -> bool:
        text = self.text("active").lower()
        return text in ("true", "1") if text else default

    def time(self, *names: str) -> int:
        """The first of these times that is set, as Unix seconds."""
        return next((t for name in names if (t := unix_seconds(self.text(name)))), 0)

    def taken_from(self, link: Link) -> bool:
        """Whether a person took our mark off the ticket: it is no longer this link's."""
        text = self.get("correlation_id")
        if text is None:
            return False
        ours = parse_correlation(text.strip())
        return ours is None or (ours.table, ours.generation) != (link.table, link.generation)
