"""Beside a pysnow script that looks up and inserts one by one: the same tickets, simulator and limits."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.case import Case, Goal
from tests.bench.case_limits import quota_is_back
from tests.bench.measure import CREATE, worked
from tests.bench.pysnow_script import upsert
from tests.bench.rig import Sizes, approved, bench_stack
from tests.simulator import Simulator
from tests.stack_rules import PER_RESOURCE, PER_RESOURCE_MODEL, rules_text

_FIELDS = (
    "correlation_id",
    "correlation_display",
    "short_description",
    "description",
    "impact",
    "urgency",
    "assignment_group",
    "caller_id",
)
_FAULTS = ("reset_after_commit", "commit_late")
_SHARE = 0.02  # of the creates, for each kind of fault
_LATE_SECONDS = 3.0
_SERVER_LIMIT = "5"  # ServiceNow's own limit for a transaction, short as the late commits are
Tickets = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the two did in its first and its second run; `hit` is how many creates met a fault."""

    seconds: tuple[float, float]
    requests: tuple[int, int]
    missing: int
    duplicates: int
    hit: int

    def told(self) -> str:
        first, again = self.seconds
        return (
            f"{first:.1f} s and {self.requests[0]:,} requests, then {again:.1f} s and {self.requests[1]:,},"
            f" {self.duplicates} duplicates"
        )

    def facts(self, name: str) -> dict[str, object]:
        return {
            f"{name}_seconds": [round(one, 2) for one in self.seconds],
            f"{name}_requests": list(self.requests),
            f"{name}_missing": self.missing,
            f"{name}_duplicates": self.duplicates,
            f"{name}_creates_hit": self.hit,
        }


def cases(sizes: Sizes) -> Iterator[Case]:
    """With real limits; then without, but with creates whose answer is lost or that are committed late."""
    for name, faulty in (("beside a script, real limits", False), ("beside a script, answers lost", True)):
        product, tickets = _product(sizes.script_tickets, faulty=faulty)
        yield _beside(name, product, _script(tickets, faulty=faulty), len(tickets))


def _beside(name: str, product: Side, script: Side, tickets: int) -> Case:
    hit = f", faults on {product.hit} and {script.hit} creates" if script.hit else ""
    summary = f"{tickets} tickets{hit}: Isthmus {product.told()}; the script {script.told()}"
    facts = {"tickets": tickets, **product.facts("isthmus"), **script.facts("pysnow")}
    goals = (
        Goal("duplicates of Isthmus", 0, product.duplicates),
        Goal("tickets that Isthmus lost", 0, product.missing),
    )
    return Case(name, summary, facts, goals, facts)


def _product(findings: int, *, faulty: bool) -> tuple[Side, Tickets]:
    """Two syncs; and what was written, for the script to write."""
    with bench_stack(
        findings,
        limits="none" if faulty else "realistic",
        rules=rules_text(rules=PER_RESOURCE),
        model=PER_RESOURCE_MODEL,
        settings={"server_limit_seconds": _SERVER_LIMIT} if faulty else None,
    ) as stack:
        approved(stack)
        quota_is_back()
        if faulty:
            _arm(stack.simulator)
        first = worked(stack)
        quota_is_back()
        again = worked(stack)
        unique = {
            ticket["correlation_id"]: {name: ticket[name] for name in _FIELDS} for ticket in stack.tickets()
        }
        side = Side(
            (first.seconds, again.seconds),
            (first.servicenow, again.servicenow),
            len(stack.due()) - len(unique),
            stack.duplicates(),
            _hit(stack.simulator),
        )
    return side, list(unique.values())


def _script(tickets: Tickets, *, faulty: bool) -> Side:
    """Two runs of the script on an instance of its own."""
    seconds, requests = [], []
    with Simulator(findings=0, limits="none" if faulty else "realistic") as simulator:
        if faulty:
            _arm(simulator)
        for _ in range(2):
            before, began = _requests(simulator), time.monotonic()
            upsert(simulator, tickets)
            seconds.append(time.monotonic() - began)
            requests.append(_requests(simulator) - before)
        if faulty:
            time.sleep(_LATE_SECONDS + 1)
        found = {ticket["correlation_id"] for ticket in simulator.tickets()}
        missing = sum(ticket["correlation_id"] not in found for ticket in tickets)
        duplicates = simulator.ledger()["duplicates"]
        return Side(
            (seconds[0], seconds[1]), (requests[0], requests[1]), missing, duplicates, _hit(simulator)
        )


def _arm(simulator: Simulator) -> None:
    for kind in _FAULTS:
        params = {"seconds": _LATE_SECONDS} if kind == "commit_late" else {}
        simulator.fault(CREATE, kind, subject="incident", times=None, probability=_SHARE, params=params)


def _hit(simulator: Simulator) -> int:
    return sum(fault["applied"] for fault in simulator.control("GET", "/faults"))


def _requests(simulator: Simulator) -> int:
    routes: dict[str, int] = simulator.control("GET", "/requests")["routes"]
    return sum(count for route, count in routes.items() if route.startswith("servicenow.table."))
