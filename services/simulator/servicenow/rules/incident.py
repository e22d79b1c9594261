"""Rules of incident (servicenow-api 6.1): mirrored state, resolve, reopen, close, awaiting caller."""

from services.simulator.servicenow.rules import task
from services.simulator.servicenow.rules.transaction import Transaction
from services.simulator.servicenow.times import parse

NEW, IN_PROGRESS, ON_HOLD, RESOLVED, CLOSED, CANCELED = "1", "2", "3", "6", "7", "8"
AWAITING_CALLER = "1"


def apply(tx: Transaction) -> None:
    """All before-rules, in their order."""
    task.opened(tx)
    task.reassigned(tx)
    task.look_up_priority(tx)
    _caller_answers(tx)
    _mirror(tx)
    if tx.old is None or tx.changes("state"):
        _moved(tx)


def _caller_answers(tx: Transaction) -> None:
    """A comment by the caller ends Awaiting Caller."""
    waiting = tx.was("state") == ON_HOLD and tx.was("hold_reason") == AWAITING_CALLER
    if waiting and tx.journals.get("comments") and tx.user.sys_id == tx.now("caller_id"):
        tx.new["state"] = IN_PROGRESS


def _mirror(tx: Transaction) -> None:
    """One value in state and incident_state; whichever changed wins, state before incident_state."""
    if tx.changes("incident_state") and not ("state" in tx.sent and tx.changes("state")):
        tx.new["state"] = tx.now("incident_state")
    tx.new["incident_state"] = tx.now("state")


def _moved(tx: Transaction) -> None:
    before, after = tx.was("state"), tx.now("state")
    if after != ON_HOLD:
        tx.new["hold_reason"] = ""
    if before in {RESOLVED, CLOSED} and after in {NEW, IN_PROGRESS, ON_HOLD}:
        _reopen(tx)
    if after in {RESOLVED, CLOSED}:
        _resolve(tx)
    if after in {CLOSED, CANCELED}:
        task.close(tx)
    elif before in {CLOSED, CANCELED}:
        task.unclose(tx)


def _resolve(tx: Transaction) -> None:
    """Column active stays true until the close, as in the recorded answer (servicenow-api 1.7)."""
    tx.default("resolved_at", tx.at)
    tx.default("resolved_by", tx.user.sys_id)
    opened, resolved = parse(tx.now("opened_at")), parse(tx.now("resolved_at"))
    if opened and resolved:
        seconds = str(max(0, int((resolved - opened).total_seconds())))
        tx.new["calendar_stc"] = tx.new["business_stc"] = seconds


def _reopen(tx: Transaction) -> None:
    tx.new["reopen_count"] = str(int(tx.was("reopen_count") or 0) + 1)
    tx.new["reopened_by"] = tx.user.sys_id
    tx.new["reopened_time"] = tx.at
    for name in ("resolved_at", "resolved_by", "calendar_stc", "business_stc"):
        tx.new[name] = ""
