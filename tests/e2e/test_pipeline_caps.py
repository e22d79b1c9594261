"""Caps, from the command line to the tickets: held as a whole, released worst first."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.identity import parse_correlation
from common.state.plans import PlanLines
from deploy.dev.layout import CONNECTION, ROOT
from tests.live_stack import QUICK, RULES, Rig, rig

CAP = 5


def isthmus(*arguments: str, code: int = 0) -> Any:
    """The command as a person runs it; answers its JSON."""
    command = [sys.executable, "-m", "services.cli", *arguments, "--json"]
    done = subprocess.run(  # noqa: S603 - our own module
        command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def records(stack: Rig) -> int:
    return int(stack.witness.ledger()["tables"]["incident"]["records"])


def test_a_cap_holds_as_a_whole_and_is_released_worst_first(tmp_path: Path) -> None:
    """Nothing beyond what a person released is created, and what was released are the worst groups."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.read_text().replace("per_rule_and_run: 1000000", f"per_rule_and_run: {CAP}"))
    with rig(1000, tmp_path / "stack", rules=rules, settings=QUICK) as stack:
        plan = isthmus("plan", code=2)
        assert plan["caps"][0]["tickets"] > CAP
        isthmus("runs", "approve", plan["run"]["run"], "--up-to", "3")
        first = isthmus("sync", "--wait", code=3)
        assert records(stack) == 3
        held = first["groups"]["held"]
        assert held == plan["caps"][0]["tickets"] - 3
        isthmus("runs", "approve", first["run"], "--up-to", "4")
        second = isthmus("sync", "--wait", code=3)
        assert records(stack) == 7
        assert (second["groups"]["created"], second["groups"]["held"]) == (4, held - 4)
        worst = {
            g: line["worst"] for g, line in _lines(stack, plan["run"]["run"]) if line["decision"] == "create"
        }
        tickets = stack.lines("/servicenow/tickets?table=incident")
        marks = (parse_correlation(ticket["correlation_id"]) for ticket in tickets)
        made = {mark.group for mark in marks if mark is not None}
        assert len(made) == 7
        assert min(worst[g] for g in made) >= max(worst[g] for g in worst.keys() - made)


def _lines(stack: Rig, run: str) -> Iterator[tuple[bytes, dict[str, Any]]]:
    return iter(PlanLines(stack.store, CONNECTION, run))
