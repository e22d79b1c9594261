"""SIGKILL in the middle of a sync of 5,000 findings: every ticket right, none twice, both ledgers add up."""

import time
from pathlib import Path

import pytest

from tests.live_model import account
from tests.live_stack import QUICK, rig

FINDINGS = 5000
BARRIERS = {
    "collector": ("arg.query", "after", 4),
    "mapper": ("arg.query", "after", 6),
    "servicenow_writer": ("servicenow.batch", "before", 1),
    "servicenow_writer after the commit": ("servicenow.table.create", "after", 12),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("who", BARRIERS)
def test_a_killed_worker_costs_time_and_nothing_else(who: str, tmp_path: Path) -> None:
    """The process is killed while a request is held exactly there, and again a moment later."""
    route, when, skip = BARRIERS[who]
    service = who.partition(" ")[0]
    with rig(FINDINGS, tmp_path / "stack", settings=QUICK) as stack:
        plan = stack.run("plan")
        stack.approve(plan["run"])
        stack.control("POST", "/requests/reset")
        barrier = stack.control("POST", "/barriers", {"route": route, "when": when, "skip": skip})["id"]
        run = stack.start("live")
        held = stack.control("GET", f"/barriers/{barrier}?wait=60")["held"]
        assert held >= 1
        assert stack.kill(service)
        stack.control("POST", f"/barriers/{barrier}/release", {})
        time.sleep(1.5)
        stack.kill(service)
        record = stack.wait(run, 240)
        assert record["status"] == "complete", stack.runs.told(run)
        findings, groups = stack.ledgers(run)
        assert findings.balanced
        assert groups.balanced
        told = account(stack.lines("/azure/findings"), stack.lines("/servicenow/tickets?table=incident"))
        assert told.right, f"{told} {told.lost[:3]} {told.wrong[:3]}"
        before = stack.witness.ledger()["tables"]["incident"]
        assert before["duplicates"] == 0
        stack.run("live")
        stack.run("live")
        assert stack.witness.ledger()["tables"]["incident"]["writes"] == before["writes"]
