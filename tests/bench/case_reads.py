"""What is read at ServiceNow: look-ups before creates, and what an unchanged sync asks for."""

import math
from collections.abc import Iterator, Sequence

from common.servicenow.query import URL_LIMIT
from tests.bench.case import Case, Goal, number
from tests.bench.measure import CREATE, LIST, Work, worked
from tests.bench.rig import Sizes, approved, bench_stack
from tests.stack import Stack
from tests.stack_rules import PER_RESOURCE, PER_RESOURCE_MODEL, rules_text

_CHANGED = (0, 50, 500)
_HOUR = 3600
_LEAST = {"sys_id": 50, "correlation_id": 20}  # creates that a look-up by this key is to serve
_OF_A_SYNC = 2  # requests that the number of changed tickets may add: 500 fill a page, and one finds the end


def cases(sizes: Sizes) -> Iterator[Case]:
    """Two stacks with different numbers of open tickets; the second instance chooses sys_ids itself."""
    reads: dict[int, list[Work]] = {}
    looked = []
    for findings, key in ((sizes.few_tickets, "sys_id"), (sizes.many_tickets, "correlation_id")):
        rules = rules_text(rules=PER_RESOURCE)
        with bench_stack(findings, rules=rules, model=PER_RESOURCE_MODEL) as stack:
            stack.modes(sys_id_ignored=key == "correlation_id")
            looked.append(_look_ups(stack, key))
            changed = [min(count, len(stack.open_tickets())) for count in _CHANGED]
            reads[len(stack.open_tickets())] = list(_third_syncs(stack, changed))
    yield from looked
    yield _unchanged(reads)


def _look_ups(stack: Stack, key: str) -> Case:
    """Creates of a first sync, and the requests that look for their keys.

    A new connection's first turns look by correlation_id on either instance: only creates tell what it does
    with sys_ids. The last look-up may serve fewer than the others.
    """
    approved(stack)
    # A latency of nothing: it only counts what it matches.
    nothing = {"seconds": 0}
    for name in _LEAST:
        stack.simulator.fault(
            LIST, "latency", subject="incident", match=f"{name}IN", times=None, params=nothing
        )
    work = worked(stack)
    armed = stack.simulator.control("GET", "/faults")
    asked = {name: fault["applied"] for name, fault in zip(_LEAST, armed, strict=True)}
    stack.simulator.control("DELETE", "/faults")
    creates = work.routes[CREATE]
    each = round(creates / max(sum(asked.values()), 1), 1)
    served = sum(least * asked[name] for name, least in _LEAST.items())
    facts = {
        "creates": creates,
        "batches": work.routes["servicenow.batch"],
        "look_ups": asked,
        "creates_per_look_up": each,
    }
    summary = (
        f"{creates:,} creates in {work.routes['servicenow.batch']} batches, {asked['sys_id']} look-ups by"
        f" sys_id, {asked['correlation_id']} by correlation_id: one for {number(each)}"
    )
    whole = math.ceil(creates / _LEAST[key]) * _LEAST[key]
    goal = Goal("creates that so many look-ups may serve: 50 by sys_id, 20 by correlation_id", whole, served)
    bound = {
        "creates in a batch": round(creates / max(work.routes["servicenow.batch"], 1), 1),
        "characters of a whole URL at most": URL_LIMIT,
        "characters of one sys_id in it": 33,
    }
    return Case(f"look-ups by {key}", summary, facts, (goal,), bound)


def _third_syncs(stack: Stack, changed: Sequence[int]) -> Iterator[Work]:
    """Unchanged findings, and so many tickets that people changed since the last sync.

    An hour passes before each, and one ticket is changed before the second sync, so that the creates are no
    part of the overlap.
    """
    _hour_passes(stack)
    stack.person("note", count=1)
    worked(stack)
    for count in changed:
        _hour_passes(stack)
        if count:
            stack.person("note", count=count, seed=count)
        yield worked(stack)


def _hour_passes(stack: Stack) -> None:
    stack.simulator.control("POST", "/clock", {"advance": _HOUR})


def _unchanged(reads: dict[int, list[Work]]) -> Case:
    asked = {tickets: [work.routes[LIST] for work in works] for tickets, works in reads.items()}
    few, many = asked.values()
    writes = sum(work.writes for works in reads.values() for work in works)
    grown = max(row[-1] - row[0] for row in asked.values())
    goals = (
        Goal("writes", 0, writes),
        Goal("requests that four times as many open tickets add", 0, many[0] - few[0]),
        Goal("requests that the tickets changed by people add", _OF_A_SYNC, grown),
    )
    by_tickets = {str(tickets): row for tickets, row in asked.items()}
    facts = {
        "changed_by_people": list(_CHANGED),
        "requests_by_open_tickets": by_tickets,
        "servicenow_writes": writes,
    }
    told = "; ".join(
        f"{tickets:,} open: {', '.join(map(str, row))} requests" for tickets, row in asked.items()
    )
    summary = f"after people changed {', '.join(map(str, _CHANGED))} tickets: {told}"
    return Case("reads of an unchanged sync", summary, facts, goals, by_tickets)
