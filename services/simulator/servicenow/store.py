"""Rows in memory with the indexes that keep look-ups and keyset pages quick at 100,000 records."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping

from services.simulator.servicenow.dictionary.schema import Table

Row = dict[str, str]
"""One record: only its non-empty columns are stored; what is missing is the empty string."""

KEYED = ("correlation_id", "number")
"""Columns with an equality index, next to sys_id. Neither is unique, as on the real thing."""


class TableStore:
    """The rows of one table (not of its children)."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: dict[str, Row] = {}
        self.by_id: list[str] = []
        self.by_update: list[str] = []
        self._keys: dict[str, dict[str, dict[str, None]]] = {
            name: {} for name in KEYED if name in table.columns
        }

    def indexed(self, column: str) -> bool:
        return column == "sys_id" or column in self._keys

    def matching(self, column: str, value: str) -> list[str]:
        """The sys_ids whose indexed column equals `value` regardless of case."""
        if column == "sys_id":
            known = value if value in self.rows else value.lower()
            return [known] if known in self.rows else []
        return list(self._keys[column].get(value.casefold(), ()))

    def add(self, row: Row) -> None:
        self.rows[row["sys_id"]] = row
        insort(self.by_id, row["sys_id"])
        insort(self.by_update, update_key(row))
        self._index(row)

    def replace(self, row: Row) -> None:
        """Put the new version of a row in the place of the old one."""
        old = self.rows[row["sys_id"]]
        if update_key(old) != update_key(row):
            _discard(self.by_update, update_key(old))
            insort(self.by_update, update_key(row))
        self._unindex(old)
        self.rows[row["sys_id"]] = row
        self._index(row)

    def remove(self, sys_id: str) -> Row:
        row = self.rows.pop(sys_id)
        _discard(self.by_id, sys_id)
        _discard(self.by_update, update_key(row))
        self._unindex(row)
        return row

    def _index(self, row: Row) -> None:
        for column, index in self._keys.items():
            if value := row.get(column):
                index.setdefault(value.casefold(), {})[row["sys_id"]] = None

    def _unindex(self, row: Row) -> None:
        for column, index in self._keys.items():
            if value := row.get(column):
                bucket = index.get(value.casefold(), {})
                bucket.pop(row["sys_id"], None)
                if not bucket:
                    index.pop(value.casefold(), None)


def update_key(row: Row) -> str:
    """The sort key of a keyset poll: sys_updated_on (19 characters), then sys_id."""
    return row["sys_updated_on"] + row["sys_id"]


def _discard(keys: list[str], key: str) -> None:
    place = bisect_left(keys, key)
    if place < len(keys) and keys[place] == key:
        del keys[place]


class Database:
    """All tables; a query on a parent sees the rows of its descendants."""

    def __init__(self, schema: Mapping[str, Table]) -> None:
        self.schema = schema
        self.stores = {name: TableStore(table) for name, table in schema.items()}
        self._families: dict[str, list[TableStore]] = {name: [] for name in schema}
        for store in self.stores.values():
            for ancestor in store.table.lineage():
                self._families[ancestor.name].append(store)

    def family(self, table: str) -> list[TableStore]:
        """The stores of a table and of what extends it."""
        return self._families[table]

    def locate(self, table: str, sys_id: str) -> TableStore | None:
        """The store that holds the record, if it is of this table or extends it."""
        return next((store for store in self._families[table] if sys_id in store.rows), None)

    def find(self, table: str, sys_id: str) -> Row | None:
        store = self.locate(table, sys_id) if table in self._families else None
        return store.rows[sys_id] if store else None

    def rows(self, table: str) -> Iterator[Row]:
        for store in self._families[table]:
            yield from store.rows.values()

    def display(self, table: str, sys_id: str) -> str:
        """The display value of a reference; empty when there is no such record."""
        store = self.locate(table, sys_id) if table in self._families else None
        return store.rows[sys_id].get(store.table.display, "") if store else ""
