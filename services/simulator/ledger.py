"""The witness: what the integration user wrote, and which open tickets stand for the same thing twice."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.simulator.clouds import Instance
from services.simulator.marks import Footer, members, pairs, split

PREFIX: Final = "isth:"
SMALL_GROUP: Final = 25
TABLES: Final = ("incident", "problem", "change_request")
_ENDED: Final[Mapping[str, frozenset[str]]] = {
    "incident": frozenset({"6", "7", "8"}),
    "problem": frozenset({"106", "107"}),
    "change_request": frozenset({"3", "4"}),
}
_SHOWN: Final = 20


@dataclass(slots=True)
class Witnessed:
    """One ticket as it was inserted.

    Two open tickets of one table that share any of `relations` are duplicates. They are hashes, taken at the
    commit: a snapshot over 100,000 tickets must not stall the requests in flight.
    """

    footer: Footer
    relations: tuple[int, ...]


class Ledger:
    """Takes every commit, answers `snapshot`. Footers are kept from the insert: people edit descriptions."""

    def __init__(self, instance: Instance, integration_user: str) -> None:
        self._instance = instance
        self._user = integration_user
        self._tickets: dict[str, dict[str, Witnessed]] = defaultdict(dict)
        self._unmarked: dict[str, set[str]] = defaultdict(set)

    def committed(self, table: str, operation: str, record: Mapping[str, str], by_user: str) -> None:
        """The instance's commit hook; only what our user writes under our mark counts."""
        if by_user != self._user or not record.get("correlation_id", "").startswith(PREFIX):
            return
        sys_id = record["sys_id"]
        body, footer = split(record.get("description", ""))
        if operation == "insert":
            if footer is None:
                self._unmarked[table].add(sys_id)
            else:
                self._tickets[table][sys_id] = Witnessed(footer, _relations(record, body, footer))
        elif operation == "update" and (known := self._tickets[table].get(sys_id)):
            known.relations = _relations(record, body, known.footer)

    def reset(self) -> None:
        self._tickets.clear()
        self._unmarked.clear()

    def snapshot(self) -> dict[str, Any]:
        """`tables`: records, writes, duplicates, open, unmarked (inserted without a footer) per table."""
        tables: dict[str, dict[str, int]] = {}
        shown: list[dict[str, Any]] = []
        for table in dict.fromkeys([*TABLES, *self._tickets, *self._unmarked]):
            records, still_open = self._standing(table)
            groups = _duplicates(self._tickets.get(table, {}), still_open)
            tables[table] = {
                "records": records,
                "writes": self._instance.writes.get(table, 0),
                "duplicates": sum(len(group) - 1 for group in groups),
                "open": len(still_open),
                "unmarked": len(self._unmarked.get(table, ())),
            }
            shown += [self._view(table, group) for group in groups[: _SHOWN - len(shown)]]
        return {"tables": tables, "duplicates": shown}

    def _standing(self, table: str) -> tuple[int, list[str]]:
        """How many of our records there are, and the sys_ids of the open ones."""
        ended = _ENDED.get(table, frozenset())
        ours = [r for r in self._instance.records(table) if r.get("correlation_id", "").startswith(PREFIX)]
        return len(ours), [r["sys_id"] for r in ours if r.get("state", "") not in ended]

    def _view(self, table: str, sys_ids: list[str]) -> dict[str, Any]:
        first = self._tickets[table][sys_ids[0]].footer
        return {"table": table, "rule": first.rule, "tokens": first.tokens, "sys_ids": sys_ids}


def _relations(record: Mapping[str, str], body: str, footer: Footer) -> tuple[int, ...]:
    """The group, and the pairs of a small one; a large one names samples only, as a sibling may, too."""
    found = pairs(body, footer)
    count = members(record.get("correlation_display", ""))
    small = (len(found) if count is None else count) <= SMALL_GROUP
    return (hash(footer.key), *(hash((footer.rule, pair)) for pair in (found if small else ())))


def _duplicates(tickets: Mapping[str, Witnessed], still_open: Iterable[str]) -> list[list[str]]:
    """Open tickets joined by a shared relation, as lists of two or more sys_ids."""
    parent: dict[str, str] = {}
    first: dict[int, str] = {}

    def root(sys_id: str) -> str:
        while parent[sys_id] != sys_id:
            parent[sys_id] = sys_id = parent[parent[sys_id]]
        return sys_id

    for sys_id in still_open:
        if (ticket := tickets.get(sys_id)) is None:
            continue
        parent[sys_id] = sys_id
        for relation in ticket.relations:
            parent[root(sys_id)] = root(first.setdefault(relation, sys_id))
    groups: dict[str, list[str]] = defaultdict(list)
    for sys_id in parent:
        groups[root(sys_id)].append(sys_id)
    return [group for group in groups.values() if len(group) > 1]
