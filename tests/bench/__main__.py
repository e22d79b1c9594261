"""`python -m tests.bench [--findings N]`: a table for people, and a JSON line for each case."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.bare_loop import bare_loop
from tests.live_stack import Rig, rig

_SERVICES = ("collector", "mapper", "servicenow-writer", "scheduler", "redis")
Case = dict[str, Any]


def measured(bench: Rig, name: str, findings: int, work: Callable[[], dict[str, str]]) -> Case:
    """One run: wall, CPU seconds per million findings, requests, writes."""
    cpu, writes, began = bench.cpu(), _writes(bench), time.monotonic()
    record = work()
    wall, after = time.monotonic() - began, bench.cpu()
    spent = {
        service: round(sum(after[n] - cpu[n] for n in cpu if n.startswith(service)) / findings * 1e6, 1)
        for service in _SERVICES
    }
    return {
        "case": name,
        "status": record.get("status"),
        "findings": findings,
        "seconds": round(wall, 2),
        "findings_per_second": round(findings / wall),
        "cpu_seconds_per_million": spent,
        "cpu_seconds_per_million_all": round(sum(spent.values()), 1),
        "servicenow_writes": _writes(bench) - writes,
        "servicenow_requests": int(record.get("servicenow_requests", 0)),
        "defender_requests": int(record.get("defender_requests", 0)),
    }


def cases(findings: int, var: Path) -> list[Case]:
    with rig(findings, var) as bench:
        plan = bench.run("plan")
        bench.approve(plan["run"])
        found = [measured(bench, "first sync", findings, lambda: bench.run("live"))]
        first = found[0]
        wrote = max(first["servicenow_writes"], 1)
        first["writer_cpu_ms_per_ticket"] = round(
            first["cpu_seconds_per_million"]["servicenow-writer"] * findings / 1e6 / wrote * 1000, 2
        )
        bench.run("live")
        found.append(measured(bench, "unchanged (third sync)", findings, lambda: bench.run("live")))
        units = [unit.unit.partition(":")[2] for unit in bench.runs.units(plan["run"])]
        bare = bare_loop(bench.ready, units)
        found[1]["bare_loop_cpu_seconds_per_million"] = round(bare, 1)
        found[1]["ratio_to_bare_loop"] = round(found[1]["cpu_seconds_per_million_all"] / bare, 1)
        bench.witness.azure(op="fix", share=0.005, seed=1)
        bench.witness.azure(op="unfix", share=0.005, seed=2)
        found.append(measured(bench, "one per cent changed", findings, lambda: bench.run("live")))
        found.append(_memory(bench, findings))
        return found


def _memory(bench: Rig, findings: int) -> Case:
    info = bench.store.client.info("memory")
    return {
        "case": "memory",
        "redis_bytes_per_finding_at_rest": round(info["used_memory_dataset"] / findings, 1),
        "redis_bytes_per_finding_peak": round(info["used_memory_peak"] / findings, 1),
        "peak_rss_mb": {name: round(value) for name, value in bench.peak_rss().items()},
        "ledger": {k: v for k, v in bench.witness.ledger()["tables"]["incident"].items() if k != "unmarked"},
    }


def _writes(bench: Rig) -> int:
    return int(bench.witness.ledger()["tables"]["incident"]["writes"])


def show(found: list[Case]) -> None:
    console = Console(width=110)
    table = Table("case", "status", "s", "findings/s", "CPU-s/M", "writes", "requests SN", "requests Azure")
    for case in found:
        if "seconds" in case:
            table.add_row(
                case["case"],
                case["status"],
                f"{case['seconds']}",
                f"{case['findings_per_second']:,}",
                f"{case['cpu_seconds_per_million_all']}",
                f"{case['servicenow_writes']}",
                f"{case['servicenow_requests']}",
                f"{case['defender_requests']}",
            )
    console.print(table)
    for case in found:
        sys.stdout.write(json.dumps(case) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--findings", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as var:
        show(cases(options.findings, Path(var) / "stack"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
