"""Data policies: enforced on the server for every source, answered by 403 (servicenow-api 6.6)."""

from collections.abc import Callable, Mapping

from services.simulator.servicenow.errors import data_policy
from services.simulator.servicenow.rules import change, incident, problem
from services.simulator.servicenow.rules.transaction import Transaction


def _incident(tx: Transaction) -> list[str]:
    if tx.now("state") in {incident.RESOLVED, incident.CLOSED}:
        return ["close_code", "close_notes"]
    return ["hold_reason"] if tx.now("state") == incident.ON_HOLD else []


def _problem(tx: Transaction) -> list[str]:
    if not tx.changes("state") or "state" not in tx.sent or tx.old is None:
        return []
    needed = ["assigned_to"]
    if tx.now("state") == problem.FIX:
        needed += ["cause_notes", "fix_notes"]
    return needed


def _change(tx: Transaction) -> list[str]:
    return ["close_code", "close_notes"] if tx.now("state") == change.CLOSED else []


_POLICIES: Mapping[str, Callable[[Transaction], list[str]]] = {
    "incident": _incident,
    "problem": _problem,
    "change_request": _change,
}


def enforce(tx: Transaction) -> None:
    """Raise the data policy's 403 with the labels of what is missing; people's forms have seen to it."""
    if tx.user.human:
        return
    policy = _POLICIES.get(tx.table.name)
    needed = policy(tx) if policy else []
    if tx.old is None:
        needed = [*needed, *tx.modes["extra_mandatory"].get(tx.table.name, ())]
    missing = [name for name in needed if not tx.now(name)]
    if missing:
        raise data_policy([tx.table.columns[name].label for name in missing if name in tx.table.columns])
