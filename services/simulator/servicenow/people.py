"""Control's change operations: what people do with tickets, past REST's ACLs but through business rules."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from services.simulator.servicenow.engine import OUR_MARK
from services.simulator.servicenow.seed_names import PERSON
from services.simulator.servicenow.site import Site
from services.simulator.servicenow.store import Row

_SELECTORS = frozenset(
    {"op", "table", "sys_id", "sys_ids", "share", "seed", "count", "fields", "query", "as"}
)
_ENDED: Mapping[str, frozenset[str]] = {
    "incident": frozenset({"6", "7", "8"}),
    "problem": frozenset({"106", "107"}),
    "change_request": frozenset({"3", "4"}),
}
_CLOSED: Mapping[str, frozenset[str]] = {
    "incident": frozenset({"7", "8"}),
    "problem": frozenset({"107"}),
    "change_request": frozenset({"3", "4"}),
}
_STATES: Mapping[str, Mapping[str, str]] = {
    "close": {"incident": "7", "problem": "107", "change_request": "3"},
    "resolve": {"incident": "6", "problem": "106", "change_request": "0"},
    "cancel": {"incident": "8", "problem": "107", "change_request": "4"},
    "reopen": {"incident": "2", "problem": "103", "change_request": "-1"},
}
_CODES: Mapping[str, Mapping[str, str]] = {
    "incident": {"close_code": "Solution provided", "close_notes": "Done by hand."},
    "problem": {"resolution_code": "fix_applied", "fix_notes": "Fixed.", "cause_notes": "Found."},
    "change_request": {"close_code": "successful", "close_notes": "Done by hand."},
}
_LEGACY = {"close_code": "Solved (Permanently)", "close_notes": "Done by hand."}


def change(site: Site, op: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out `op`; answers the sys_ids changed. Raises ValueError with a sentence for what makes no sense.

    `table` (incident), and one of `sys_id`, `sys_ids`, `share` with `seed`, or `count`; the last two choose
    among our tickets: open ones, unless they are to be reopened. Other keys, or `fields`, are columns to set;
    `as` is the account that does it, ours for a business rule that runs as our user.
    """
    table = str(op.get("table", "incident"))
    if table not in site.schema:
        raise ValueError(f"No such table: {table}.")
    name = str(op.get("op", ""))
    if name not in _STATES.keys() | {"edit", "assign", "note", "delete"}:
        raise ValueError(
            f"No such operation: {name!r}. Known: edit, assign, note, delete, {', '.join(_STATES)}."
        )
    chosen = _choose(site, table, op)
    apply = _delete if name == "delete" else _values(site, table, name, op)
    changed = [sys_id for sys_id in chosen if apply(site, table, sys_id)]
    return {"op": name, "table": table, "count": len(changed), "sys_ids": changed}


def _choose(site: Site, table: str, op: Mapping[str, Any]) -> list[str]:
    name = str(op["op"])
    store = site.state.database.stores[table]
    explicit = op.get("sys_ids") or ([op["sys_id"]] if op.get("sys_id") else None)
    if explicit is not None:
        if missing := [sys_id for sys_id in explicit if sys_id not in store.rows]:
            raise ValueError(f"No {table} with sys_id {missing[0]}.")
        return list(explicit)
    ours = sorted(
        sys_id
        for sys_id, row in store.rows.items()
        if row.get("correlation_id", "").startswith(OUR_MARK) and _eligible(table, name, row.get("state", ""))
    )
    rng = random.Random(int(op.get("seed", 0)))
    if "count" in op:
        return rng.sample(ours, min(int(op["count"]), len(ours)))
    if "share" in op:
        return [sys_id for sys_id in ours if rng.random() < float(op["share"])]
    raise ValueError("Say which tickets: sys_id, sys_ids, count, or share with seed.")


def _eligible(table: str, name: str, state: str) -> bool:
    """Anything can be deleted, what is not closed can be closed, the rest is done to open tickets."""
    if name == "delete":
        return True
    if name == "close":
        return state not in _CLOSED.get(table, frozenset())
    return (state in _ENDED.get(table, frozenset())) == (name == "reopen")


Apply = Callable[[Site, str, str], bool]


def _values(site: Site, table: str, name: str, op: Mapping[str, Any]) -> Apply:
    """What the person enters into the form."""
    fields = dict(op.get("fields") or {})
    fields |= {key: value for key, value in op.items() if key not in _SELECTORS}
    defaults: dict[str, Any] = {}
    if name in _STATES:
        defaults["state"] = _STATES[name].get(table, "")
    if name in {"resolve", "close"}:
        legacy = table == "incident" and site.modes["close_codes"] == "legacy"
        defaults |= _LEGACY if legacy else _CODES.get(table, {})
    if name == "note":
        defaults["work_notes"] = "A person was here."
    if name == "assign" and "assigned_to" not in fields:
        defaults["assigned_to"] = site.state.accounts[PERSON].sys_id
    if name == "edit" and not fields:
        raise ValueError("An edit needs the fields to set.")
    values = {**defaults, **fields}
    who = str(op.get("as", PERSON))
    if who not in site.state.accounts:
        raise ValueError(f"No such account: {who!r}.")
    return lambda site, table, sys_id: _update(site, table, sys_id, values, who)


def _update(site: Site, table: str, sys_id: str, values: Mapping[str, Any], who: str) -> bool:
    store = site.state.database.stores[table]
    before: Row = store.rows[sys_id]
    after = site.state.engine.update(store, sys_id, values, site.act(site.state.accounts[who]))
    return after is not before


def _delete(site: Site, table: str, sys_id: str) -> bool:
    store = site.state.database.stores[table]
    site.state.engine.delete(store, sys_id, site.act(site.state.accounts[PERSON]))
    return True
