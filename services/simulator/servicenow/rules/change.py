"""Rules of change_request: state models, type and hold guards (servicenow-api 6.3)."""

from services.simulator.servicenow.rules import task
from services.simulator.servicenow.rules.transaction import Transaction

NEW, ASSESS, AUTHORIZE, SCHEDULED, IMPLEMENT, REVIEW, CLOSED, CANCELED = (
    "-5", "-4", "-3", "-2", "-1", "0", "3", "4",
)  # fmt: skip
RULE = "Change Model: Check State Transition"
RULE_ID = "b6dae9e15317101034d1ddeeff7b1278"
TYPE_RULE = "Prevent Type change to Standard"
TYPE_RULE_ID = "7a8b2a12531310103415ddeeff7b12a1"
STEPS = {
    "normal": (NEW, ASSESS, AUTHORIZE, SCHEDULED, IMPLEMENT, REVIEW, CLOSED),
    "standard": (NEW, SCHEDULED, IMPLEMENT, REVIEW, CLOSED),
    "emergency": (NEW, AUTHORIZE, SCHEDULED, IMPLEMENT, REVIEW, CLOSED),
}
_BY_APPROVAL = {ASSESS, AUTHORIZE}
"""States that only approvals leave forwards."""


def following(row_type: str, state: str) -> list[str]:
    """The states that the model allows next: one step on, and Canceled before Review."""
    steps = STEPS.get(row_type, STEPS["normal"])
    allowed = [steps[steps.index(state) + 1]] if state in steps[:-1] else []
    return allowed if state in {REVIEW, CLOSED, CANCELED} else [*allowed, CANCELED]


def apply(tx: Transaction) -> None:
    task.opened(tx)
    task.reassigned(tx)
    if tx.old is None:
        _insert_guard(tx)
        tx.default("requested_by", tx.user.sys_id)
    elif not tx.user.human:
        _type_guard(tx)
        if tx.changes("state"):
            _check(tx)
    if tx.now("state") in {CLOSED, CANCELED}:
        task.close(tx)
        tx.new["phase_state"] = "closed"


def _insert_guard(tx: Transaction) -> None:
    """One instance refuses a late state, another creates the change in New without a word."""
    if tx.user.human or tx.now("state") == NEW:
        return
    if tx.modes["change_insert"] == "lands_in_new":
        tx.new["state"] = NEW
    elif tx.now("state") in {REVIEW, CLOSED, CANCELED}:
        raise tx.abort(RULE, RULE_ID)


def _type_guard(tx: Transaction) -> None:
    if tx.changes("type") and (tx.was("state") != NEW or tx.now("type") == "standard"):
        raise tx.abort(TYPE_RULE, TYPE_RULE_ID)


def _check(tx: Transaction) -> None:
    before, after = tx.was("state"), tx.now("state")
    if not may_move(tx.new, before, after):
        raise tx.abort(RULE, RULE_ID)


def may_move(row: dict[str, str], before: str, after: str) -> bool:
    """Is this step open to a client? Approvals move Assess and Authorize; on hold only Cancel is left."""
    if after not in following(row.get("type", ""), before):
        return False
    if after == CANCELED:
        return True
    grouped = bool(row.get("assignment_group")) or before != NEW
    return row.get("on_hold") != "true" and before not in _BY_APPROVAL and grouped
