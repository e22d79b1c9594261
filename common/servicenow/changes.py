"""What changed since a mark: keyset paging on ServiceNow's own clock (servicenow-api 8, state-model 1.18)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.errors import Fatal
from common.servicenow import query as q
from common.servicenow.records import Record

_FORMAT = "%Y-%m-%d %H:%M:%S"
PageReader = Callable[[str, int], tuple[list[dict[str, str]], int | None]]
"""(query, offset) -> (rows, X-Total-Count)."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """How far a table was read: the last record's (sys_updated_on, sys_id), in ServiceNow's UTC text."""

    updated_on: str
    sys_id: str = ""

    def less(self, overlap: timedelta) -> str:
        """The time `overlap` before, as a literal. Raises Fatal `bad_mark` for a text that is no time."""
        try:
            when = datetime.strptime(self.updated_on, _FORMAT).replace(tzinfo=UTC)
        except ValueError:
            raise Fatal("bad_mark", f"{self.updated_on[:40]!r} is not a time of ServiceNow's.") from None
        return (when - overlap).strftime(_FORMAT)


@dataclass(frozen=True, slots=True)
class RecordPage:
    """One page, the mark after it, and X-Total-Count of its query (rows that we can't see too)."""

    records: Sequence[Record]
    mark: Mark
    total: int | None


def changed_pages(
    read: PageReader, table: str, prefix: str, *, mark: Mark | None, overlap: timedelta, page_size: int
) -> Iterator[RecordPage]:
    """Yield pages until an empty one that the server's count confirms."""
    ours = q.starts_with("correlation_id", prefix)
    query, offset = _first(ours, mark, overlap), 0
    last: Mark | None = None
    while True:
        rows, total = read(query, offset)
        if not rows:
            offset += page_size
            if total is None or offset >= total:
                return
            continue  # a page whose rows are all hidden: the limit is applied before the ACLs
        last = _checked(rows, table, prefix, last)
        yield RecordPage(rows, last, total)
        query, offset = _next(ours, last), 0


def _first(ours: str, mark: Mark | None, overlap: timedelta) -> str:
    since = q.from_on("sys_updated_on", mark.less(overlap)) if mark else ""
    return q.ordered(q.both(ours, since), "sys_updated_on", "sys_id")


def _next(ours: str, last: Mark) -> str:
    later = q.both(ours, q.after("sys_updated_on", last.updated_on))
    same = q.both(ours, q.is_("sys_updated_on", last.updated_on), q.after("sys_id", q.sys_id(last.sys_id)))
    return q.ordered(q.either(later, same), "sys_updated_on", "sys_id")


def _checked(rows: Sequence[Mapping[str, str]], table: str, prefix: str, last: Mark | None) -> Mark:
    """The mark after a page, if the page is what was asked for."""
    for row in rows:
        if not {"sys_id", "sys_updated_on", "correlation_id"} <= row.keys():
            raise Fatal(
                "key_column_unreadable",
                f"ServiceNow does not show sys_id, sys_updated_on and correlation_id of {table}:"
                " grant read access to them.",
            )
        if not row["correlation_id"].casefold().startswith(prefix.casefold()):
            raise Fatal(
                "query_ignored",
                f"ServiceNow answered a search of {table} by correlation_id with foreign records.",
            )
    mark = Mark(rows[-1]["sys_updated_on"], rows[-1]["sys_id"])
    if last is not None and mark <= last:
        raise Fatal("cursor_stuck", f"ServiceNow does not sort {table} by sys_updated_on and sys_id.")
    return mark
