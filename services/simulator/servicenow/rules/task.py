"""What holds for every task: opened, priority, reassignment, closing."""

from services.simulator.servicenow.rules.transaction import Transaction

PRIORITY = {
    ("1", "1"): "1", ("1", "2"): "2", ("2", "1"): "2", ("1", "3"): "3", ("2", "2"): "3", ("3", "1"): "3",
    ("2", "3"): "4", ("3", "2"): "4", ("3", "3"): "5",
}  # fmt: skip
"""(impact, urgency) -> priority, the out-of-the-box look-up table dl_u_priority (servicenow-api 6.1)."""


def opened(tx: Transaction) -> None:
    """What the server fills in on insert."""
    if tx.old is None:
        tx.default("opened_at", tx.at)
        tx.default("opened_by", tx.user.sys_id)
        tx.new["sys_class_name"] = tx.table.name
        tx.new["task_effective_number"] = tx.now("number")


def reassigned(tx: Transaction) -> None:
    if tx.was("assignment_group") and tx.changes("assignment_group"):
        tx.new["reassignment_count"] = str(int(tx.was("reassignment_count") or 0) + 1)


def look_up_priority(tx: Transaction) -> None:
    """Overwrites what a client sent."""
    tx.new["priority"] = PRIORITY.get((tx.now("impact"), tx.now("urgency")), "5")


def close(tx: Transaction) -> None:
    tx.default("closed_at", tx.at)
    tx.default("closed_by", tx.user.sys_id)
    tx.new["active"] = "false"


def unclose(tx: Transaction) -> None:
    tx.new["closed_at"] = tx.new["closed_by"] = ""
    tx.new["active"] = "true"
