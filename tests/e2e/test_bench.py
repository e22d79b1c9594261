"""The benchmark runs: a few of its cases at a small size, and what it says of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.show import BEGIN, END
from tests.simulator import ROOT

_CASES = {
    "first sync",
    "unchanged, third sync",
    "redis",
    "one per cent changed",
    "look-ups by sys_id",
    "look-ups by correlation_id",
    "reads of an unchanged sync",
    "one large group",
}
_GOAL = {"goal": str, "at": str, "limit": int | float, "measured": int | float, "met": bool}
_ALWAYS_MET = {"reads of an unchanged sync", "one large group"}  # whatever the size and the machine


@pytest.mark.timeout(170)
def test_the_bench_tells_each_case_in_a_line_of_json_and_puts_tables_into_a_page(tmp_path: Path) -> None:
    """Each line has its goals beside what was measured, and what stands in the way where one is missed."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nEARLIER NUMBERS\n{END}\nafter\n")
    command = [sys.executable, "-m", "tests.bench", "--findings", "1000", "--markdown", str(page)]
    done = subprocess.run(  # noqa: S603 - our own module
        [*command, "--case", "sync", "reads", "group"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]

    cases = {
        case["case"]: case
        for line in done.stdout.splitlines()
        if line[:1] == "{"
        for case in [json.loads(line)]
    }
    assert cases.keys() == _CASES
    for name, case in cases.items():
        for goal in case["goals"]:
            assert all(isinstance(goal[key], kind) for key, kind in _GOAL.items()), goal
            assert goal["at"] in ("most", "least", "exactly"), goal
            assert goal["met"] or name not in _ALWAYS_MET, goal
        assert bool(case.get("bound")) == (not all(goal["met"] for goal in case["goals"])), case
    spent = cases["first sync"]["cpu_seconds_per_million"]
    assert spent.keys() == {"collector", "mapper", "writer", "redis"}
    assert cases["first sync"]["servicenow_writes"] > 0
    assert cases["unchanged, third sync"]["servicenow_writes"] == 0

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "EARLIER NUMBERS" not in text
    assert all(f"| {name} |" in text for name in _CASES)
