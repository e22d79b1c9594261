"""Inserts, updates and deletes: the path that a write takes through ACLs, rules and policies to the store."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.simulator.servicenow.acl import Acl, User
from services.simulator.servicenow.coerce import Coercion, as_text
from services.simulator.servicenow.dictionary.schema import JOURNALS, Table
from services.simulator.servicenow.errors import acl_exception, insert_failed
from services.simulator.servicenow.journal import write_journals
from services.simulator.servicenow.modes import Modes
from services.simulator.servicenow.numbers import Numbers
from services.simulator.servicenow.rules import change, incident, policies, problem
from services.simulator.servicenow.rules.rewrite import Rewrite
from services.simulator.servicenow.rules.transaction import Transaction
from services.simulator.servicenow.store import Database, Row, TableStore

OUR_MARK = "isth:"
Commit = Callable[[str, str, Mapping[str, str], str], None]

_RULES: Mapping[str, Callable[[Transaction], None]] = {
    "incident": incident.apply,
    "problem": problem.apply,
    "change_request": change.apply,
}


@dataclass(frozen=True, slots=True)
class Act:
    """Who writes, when (the time the transaction began, whole seconds), and how values are taken."""

    user: User
    at: str
    coercion: Coercion


class Engine:
    """All writes go through here; each is one synchronous step, so it is atomic."""

    def __init__(
        self, database: Database, modes: Modes, our_user: str, seed: int, now: Callable[[], str]
    ) -> None:
        self._now = now
        self.database = database
        self.modes = modes
        self.acl = Acl(modes)
        self.our_user = our_user
        self.writes: dict[str, int] = {}
        self._random = random.Random(seed)
        self._numbers = Numbers(seed)
        self._commits: list[Commit] = []
        self._later: set[asyncio.TimerHandle] = set()

    def on_commit(self, callback: Commit) -> None:
        self._commits.append(callback)

    def new_id(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def insert(self, table: Table, payload: Mapping[str, Any], act: Act) -> Row:
        """Create a record. Raises ApiError as the instance would answer; a number is used up nevertheless."""
        if not act.user.human and not self.acl.may_write(act.user, table.name):
            raise acl_exception("Insert")
        tx = self._begin(table, None, payload, act)
        tx.new["sys_id"] = self._chosen_id(payload) or self.new_id()
        tx.new |= {"sys_created_on": act.at, "sys_created_by": act.user.name, "sys_mod_count": "0"}
        tx.new |= {"sys_updated_on": act.at, "sys_updated_by": act.user.name}
        if "number" in table.columns:
            tx.new["number"] = self._numbers.next(table.prefix or table.name[:3].upper())
        elif "sys_class_name" in table.columns:
            tx.new["sys_class_name"] = table.name
        self._judge(tx)
        if self.database.locate(table.root.name, tx.new["sys_id"]):
            raise insert_failed(table.name, tx.now(table.display))
        row = _stored(tx.new)
        self.database.stores[table.name].add(row)
        self._committed(tx, row, "insert")
        return row

    def update(self, store: TableStore, sys_id: str, payload: Mapping[str, Any], act: Act) -> Row:
        """Change a record. A write that changes nothing moves neither sys_mod_count nor sys_updated_on."""
        old = store.rows[sys_id]
        if not act.user.human and not self._may_update(store.table, old, act.user):
            return old
        tx = self._begin(store.table, old, payload, act)
        self._judge(tx)
        row = _stored(tx.new)
        if row == old and not any(tx.journals.values()):
            self._count(store.table, old, act.user)
            return old
        if not (act.user.human and self.modes["silent_updates"]):
            row["sys_mod_count"] = str(int(old.get("sys_mod_count", "0")) + 1)
            row["sys_updated_on"], row["sys_updated_by"] = act.at, act.user.name
        store.replace(row)
        self._committed(tx, row, "update")
        return row

    def delete(self, store: TableStore, sys_id: str, act: Act) -> None:
        if not act.user.human and not self.acl.may_delete(act.user):
            raise acl_exception("Delete")
        row = store.remove(sys_id)
        audit = self.database.stores["sys_audit_delete"]
        audit.add(
            {
                "sys_id": self.new_id(),
                "tablename": store.table.name,
                "documentkey": sys_id,
                "display_value": row.get(store.table.display, ""),
                "user": act.user.name,
                "sys_created_on": act.at,
                "sys_updated_on": act.at,
                "sys_created_by": act.user.name,
            }
        )
        self._tell(store.table, "delete", row, act.user.name)

    def cancel_later(self) -> None:
        """Forget scheduled asynchronous rules (on reset)."""
        for handle in self._later:
            handle.cancel()
        self._later.clear()

    def _may_update(self, table: Table, old: Row, user: User) -> bool:
        """False: the write is swallowed with 200. Raises 403 where the instance says so."""
        if not self.acl.may_write(user, table.name):
            raise acl_exception("Update")
        if table.name != "incident" or old.get("state") != incident.CLOSED or user.admin:
            return True
        if self.modes["closed_record"] == "abort":
            raise acl_exception("Update")
        self._count(table, old, user)
        return False

    def _chosen_id(self, payload: Mapping[str, Any]) -> str:
        if self.modes["sys_id_ignored"]:
            return ""
        return as_text(payload.get("sys_id"))[:32]

    def _begin(self, table: Table, old: Row | None, payload: Mapping[str, Any], act: Act) -> Transaction:
        """Accept what the dictionary and the field ACLs let through; the rest is dropped without a word."""
        new = dict(old) if old is not None else dict(table.defaults)
        blocked = frozenset[str]()
        if not act.user.human:
            blocked = self.acl.protected_fields(act.user, table)
            if table.name == "problem":
                blocked |= problem.read_only(self.modes["problem_state"])
        sent: set[str] = set()
        journals: dict[str, str] = {}
        for name, raw in payload.items():
            column = table.columns.get(name)
            if column is None or name in blocked or (column.read_only and not act.user.human):
                continue
            if column.kind in JOURNALS:
                journals[name] = as_text(raw)
                continue
            new[name] = act.coercion.value(column, raw, new.get(name, ""))
            sent.add(name)
        return Transaction(table, old, new, frozenset(sent), act.user, act.at, self.modes, journals)

    def _judge(self, tx: Transaction) -> None:
        rule = _RULES.get(tx.table.name)
        if rule is not None:
            rule(tx)
            policies.enforce(tx)
            rewrite = self._rewrite(tx.table)
            if rewrite and tx.user.name == self.our_user and not rewrite.later:
                tx.new[rewrite.field] = rewrite.value(tx.table, tx.now(rewrite.field))

    def _rewrite(self, table: Table) -> Rewrite | None:
        return Rewrite.of(self.modes["rule_rewrites_field"], table)

    def _committed(self, tx: Transaction, row: Row, operation: str) -> None:
        write_journals(self.database, tx, row["sys_id"], self.new_id)
        self._count(tx.table, row, tx.user)
        self._tell(tx.table, operation, row, tx.user.name)
        rewrite = self._rewrite(tx.table)
        if rewrite and rewrite.later and tx.table.name in _RULES and tx.user.name == self.our_user:
            self._schedule(tx.table, row["sys_id"], rewrite)

    def _count(self, table: Table, row: Row, user: User) -> None:
        if user.name == self.our_user and row.get("correlation_id", "").startswith(OUR_MARK):
            self.writes[table.name] = self.writes.get(table.name, 0) + 1

    def _tell(self, table: Table, operation: str, row: Row, user: str) -> None:
        if not self._commits:
            return
        record = table.full(row)
        for callback in self._commits:
            callback(table.name, operation, record, user)

    def _schedule(self, table: Table, sys_id: str, rewrite: Rewrite) -> None:
        """An asynchronous business rule: a transaction of its own, a moment later, as our user."""

        def fire() -> None:
            self._later.discard(handle)
            self._apply_rewrite(table, sys_id, rewrite)

        handle = asyncio.get_running_loop().call_later(rewrite.delay, fire)
        self._later.add(handle)

    def _apply_rewrite(self, table: Table, sys_id: str, rewrite: Rewrite) -> None:
        store = self.database.stores[table.name]
        old = store.rows.get(sys_id)
        if old is None:
            return
        value = rewrite.value(table, old.get(rewrite.field, ""))
        if value == old.get(rewrite.field, ""):
            return
        row = {**old, rewrite.field: value, "sys_updated_on": self._now(), "sys_updated_by": self.our_user}
        row["sys_mod_count"] = str(int(old.get("sys_mod_count", "0")) + 1)
        store.replace(row)
        self._tell(table, "update", row, self.our_user)


def _stored(row: Row) -> Row:
    """Only what is not empty is kept."""
    return {name: value for name, value in row.items() if value}
