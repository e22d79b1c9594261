"""The Table API for what Isthmus reads and writes: records by key, by sys_id, and what changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from common.errors import Fatal
from common.http.deadline import Deadline
from common.http.errors import HttpError
from common.servicenow import paths
from common.servicenow import query as q
from common.servicenow.changes import Mark, RecordPage, changed_pages
from common.servicenow.instance import Instance
from common.servicenow.records import Record, decode_record, decode_rows, encode_fields

STATS_ROUTE = "servicenow.stats"
_LOOKUP_ROWS = 1000


class _Stats(msgspec.Struct):
    count: str | int


class _StatsResult(msgspec.Struct):
    stats: _Stats


class _StatsAnswer(msgspec.Struct):
    result: _StatsResult


_stats = msgspec.json.Decoder(_StatsAnswer)


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that a choice field accepts, and its label in the user's language."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A sys_user_group."""

    sys_id: str
    name: str
    active: bool


class TableClient:
    """Reads and writes records. Every method takes the task's deadline; errors are those of Instance.call."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def look_up(
        self,
        table: str,
        key_column: str,
        keys: Iterable[str],
        fields: Sequence[str] = (),
        *,
        deadline: Deadline,
        urgent: bool = False,
    ) -> dict[str, list[Record]]:
        """Map each key that exists to its records (several may share one: servicenow-api 1.9), by sys_id.

        Raises Fatal `key_column_unreadable` or `query_ignored` where the instance did not search by the key:
        it ignores unknown or unreadable columns and then matches everything (0#1).
        """
        found: dict[str, list[Record]] = {}
        asked = [key_column, "sys_id", *fields]
        for condition, chunk in q.any_of(key_column, keys, self._room(table, asked)):
            query = q.ordered(condition, "sys_id")
            rows, total = self.page(table, query, asked, limit=_LOOKUP_ROWS, deadline=deadline, urgent=urgent)
            for row in rows:
                found.setdefault(_checked_key(row, table, key_column, chunk), []).append(row)
            if (total or 0) > _LOOKUP_ROWS:
                raise _ignored(table, key_column)
        return found

    def changed_since(
        self,
        table: str,
        prefix: str,
        mark: Mark | None,
        overlap: timedelta,
        page_size: int,
        *,
        fields: Sequence[str] = (),
        deadline: Deadline,
    ) -> Iterator[RecordPage]:
        """Pages of records whose correlation_id starts with `prefix`, changed since `mark` less `overlap`.

        In order of (sys_updated_on, sys_id), on ServiceNow's clock; always with correlation_id, sys_id,
        sys_updated_on; without a mark all of them. Ends only at an empty page that X-Total-Count confirms
        (0#2). A record that changes meanwhile comes twice.
        """
        asked = ["sys_id", "sys_updated_on", "correlation_id", *fields]

        def read(query: str, offset: int) -> tuple[list[dict[str, str]], int | None]:
            return self.page(table, query, asked, limit=page_size, offset=offset, deadline=deadline)

        return changed_pages(read, table, prefix, mark=mark, overlap=overlap, page_size=page_size)

    def page(
        self,
        table: str,
        query: str,
        fields: Sequence[str],
        *,
        limit: int,
        deadline: Deadline,
        offset: int | None = None,
        urgent: bool = False,
    ) -> tuple[list[dict[str, str]], int | None]:
        """One page of a list and X-Total-Count (None if absent); `query` comes from common.servicenow.query.

        The limit is applied before the row ACLs, so a short page says nothing.
        """
        params = paths.list_params(query, fields, limit, offset)
        try:
            rows, headers = self._instance.call(
                "GET",
                paths.table_path(table),
                paths.LIST_ROUTE,
                decode_rows,
                params=params,
                deadline=deadline,
                urgent=urgent,
            )
        except HttpError as error:
            if error.reason == "no_record":  # v1 of the API says 404 for an empty list (servicenow-api 1.1)
                return [], 0
            raise
        total = headers.get("X-Total-Count", "")
        return rows, int(total) if total.isdecimal() else None

    def get(
        self, table: str, sys_id: str, fields: Sequence[str], *, deadline: Deadline, urgent: bool = False
    ) -> Record | None:
        """The record, or None when it is not there or not readable."""
        try:
            record, _ = self._instance.call(
                "GET",
                paths.record_path(table, sys_id),
                paths.GET_ROUTE,
                decode_record,
                params=paths.read_params(["sys_id", *fields]),
                deadline=deadline,
                urgent=urgent,
            )
        except HttpError as error:
            if error.reason == "no_record":
                return None
            raise
        return record

    def create(
        self,
        table: str,
        fields: Mapping[str, str],
        returning: Sequence[str] = (),
        *,
        deadline: Deadline,
        urgent: bool = False,
    ) -> Record:
        """Insert; the answer as stored. Compare its sys_id with the one sent, if one was (state-model 1.9).

        Any HttpError with `acted` may have inserted: read before trying again.
        """
        return self._write(
            "POST",
            paths.table_path(table),
            paths.CREATE_ROUTE,
            fields=fields,
            returning=returning,
            deadline=deadline,
            urgent=urgent,
        )

    def patch(
        self,
        table: str,
        sys_id: str,
        fields: Mapping[str, str],
        returning: Sequence[str] = (),
        *,
        deadline: Deadline,
        urgent: bool = False,
    ) -> Record:
        """Change fields; the answer as stored: dropped and cut values show there only (0#7, 0#14).

        A work note is appended each time it is sent.
        """
        return self._write(
            "PATCH",
            paths.record_path(table, sys_id),
            paths.UPDATE_ROUTE,
            fields=fields,
            returning=returning,
            deadline=deadline,
            urgent=urgent,
        )

    def choices(self, table: str, element: str, *, deadline: Deadline) -> tuple[Choice, ...]:
        """The active choices of a field: the table's own, else those of `task`; () if unreadable."""
        tables = f"nameIN{q.column(table)},task"
        query = q.both(tables, q.is_("element", element), q.is_("inactive", "false"))
        asked = ["name", "value", "label", "sequence"]
        rows, _ = self.page(
            "sys_choice", q.ordered(query, "sequence", "sys_id"), asked, limit=1000, deadline=deadline
        )
        own = [row for row in rows if row.get("name") == table] or rows
        first: dict[str, Choice] = {}  # one label a value, whatever the languages installed
        for row in own:
            first.setdefault(row.get("value", ""), Choice(row.get("value", ""), row.get("label", "")))
        return tuple(choice for value, choice in first.items() if value)

    def me(self, user_name: str, *, deadline: Deadline) -> Record | None:
        """The sys_user of our own user name; None when it can't be seen."""
        fields = ("name", "active", "web_service_access_only", "time_zone", "locked_out")
        found = self.look_up("sys_user", "user_name", [user_name], fields, deadline=deadline)
        return next(iter(found.get(user_name, ())), None)

    def groups(self, names: Iterable[str], *, deadline: Deadline) -> dict[str, list[GroupRecord]]:
        """Map each name that exists to its groups, active ones first (names are not unique)."""
        found = self.look_up("sys_user_group", "name", names, ("active",), deadline=deadline)
        return {
            name: sorted(
                (GroupRecord(row["sys_id"], name, row.get("active", "true") == "true") for row in rows),
                key=lambda group: not group.active,
            )
            for name, rows in found.items()
        }

    def count(self, table: str, query: str, *, deadline: Deadline) -> int:
        """How many records match, by the Aggregate API; `query` comes from common.servicenow.query."""
        answer, _ = self._instance.call(
            "GET",
            f"/api/now/stats/{q.column(table)}",
            STATS_ROUTE,
            _stats.decode,
            params={"sysparm_count": "true", "sysparm_query": query},
            deadline=deadline,
        )
        return int(answer.result.stats.count)

    def _write(
        self,
        method: str,
        path: str,
        route: str,
        *,
        fields: Mapping[str, str],
        returning: Sequence[str],
        deadline: Deadline,
        urgent: bool,
    ) -> Record:
        asked = ["sys_id", "number", "sys_mod_count", "sys_updated_on", *returning]
        record, _ = self._instance.call(
            method,
            path,
            route,
            decode_record,
            params=paths.write_params(asked),
            body=encode_fields(fields),
            deadline=deadline,
            urgent=urgent,
        )
        return record

    def _room(self, table: str, asked: Sequence[str]) -> int:
        """Characters left in a URL for the condition itself."""
        params = paths.list_params(q.ordered("", "sys_id"), asked, _LOOKUP_ROWS)
        fixed = self._instance.url + paths.with_params(paths.table_path(table), params)
        return q.URL_LIMIT - len(fixed)


def _checked_key(row: Mapping[str, str], table: str, key_column: str, chunk: Sequence[str]) -> str:
    """The key that a row was found by; letter case is the database's affair."""
    if key_column not in row:
        raise Fatal(
            "key_column_unreadable",
            f"ServiceNow does not show {table}.{key_column}: grant read access, or correct the name.",
        )
    key = row[key_column]
    if key in chunk:
        return key
    for candidate in chunk:
        if candidate.casefold() == key.casefold():
            return candidate
    raise _ignored(table, key_column)


def _ignored(table: str, key_column: str) -> Fatal:
    return Fatal(
        "query_ignored",
        f"ServiceNow answered a search of {table} by {key_column} with records of another key.",
    )
