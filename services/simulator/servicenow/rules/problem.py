"""Rules of problem: the state can't be relied on over REST (servicenow-api 6.2)."""

from services.simulator.servicenow.rules import task
from services.simulator.servicenow.rules.transaction import Transaction

NEW, ASSESS, ANALYSIS, FIX, RESOLVED, CLOSED = "101", "102", "103", "104", "106", "107"
RULE = "Problem Model: Check State Transition"
RULE_ID = "a2b6cbd7532710103415ddeeff7b12d4"
_STEPS = {(NEW, ASSESS), (ASSESS, ANALYSIS), (ANALYSIS, FIX)}


def read_only(mode: str) -> frozenset[str]:
    """Columns made read-only by sys_dictionary_override where the mode is `unchanged`.

    problem_state stays writable there, and a later rule copies it to state: the trap that leaves
    half-resolved records.
    """
    return frozenset({"state"}) if mode == "unchanged" else frozenset()


def apply(tx: Transaction) -> None:
    task.opened(tx)
    task.reassigned(tx)
    task.look_up_priority(tx)
    if not tx.user.human and tx.modes["problem_state"] == "abort":
        _check(tx)
    _mirror(tx)
    if tx.changes("state"):
        _moved(tx)


def _check(tx: Transaction) -> None:
    """Single steps of the model only; nothing ends by REST, since resolution_code is read-only."""
    before = tx.was("state") or NEW
    after = tx.now("state") if tx.now("state") != before else tx.now("problem_state")
    if before != after and (tx.old is None or (before, after) not in _STEPS):
        raise tx.abort(RULE, RULE_ID)


def _mirror(tx: Transaction) -> None:
    if tx.changes("problem_state") and not tx.changes("state"):
        tx.new["state"] = tx.now("problem_state")
    tx.new["problem_state"] = tx.now("state")


def _moved(tx: Transaction) -> None:
    before, after = tx.was("state"), tx.now("state")
    if tx.user.human and after in {RESOLVED, CLOSED}:
        tx.default("resolved_at", tx.at)
        tx.default("resolved_by", tx.user.sys_id)
    if after == CLOSED:
        task.close(tx)
    elif before == CLOSED:
        task.unclose(tx)
    if before in {RESOLVED, CLOSED} and after not in {RESOLVED, CLOSED}:
        tx.new["reopen_count"] = str(int(tx.was("reopen_count") or 0) + 1)
        tx.new["reopened_at"], tx.new["reopened_by"] = tx.at, tx.user.sys_id
