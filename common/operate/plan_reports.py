"""A planned run as a person decides on it: by rule, what would be done and why, and what is new about it.

The fields are public and stable: docs/cli.md names them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from common.describe import describe
from common.model.decision import Kind
from common.operate.naming import Naming
from common.operate.run_reports import RunReport, report
from common.rules.ruleset import RuleSet
from common.state import keys
from common.state.approvals import Approvals
from common.state.plans import PlanLines
from common.state.register import Register
from common.state.runs import PLANNED
from common.state.store import Store, octets

_EXAMPLES = 3
_ORDER = ("create", "reopen", "resolve", "update", "note", "held", "skipped", "unchanged")


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One group: `group` is 16 hex digits, `ticket` a number or "", `about` its grouping in words."""

    group: str
    ticket: str
    about: str
    grouping: dict[str, str]
    findings: int
    severity: str
    risk: str


class PlanRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Groups of one rule with one fate. `wanted` is the decision; `what` is held where a cap stops it."""

    rule: str
    what: str
    wanted: str
    reason: str
    sentence: str
    type: str
    tickets: int
    findings: int
    examples: list[Example]


class RuleChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule against its approved version: `change` is new, changed, same or removed."""

    rule: str
    change: str
    hash: str
    approved_hash: str


class CapReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cap that would be exceeded: all that it counts is held until `runs approve` releases it."""

    reason: str
    rule: str
    kind: str
    tickets: int
    sentence: str


class PlanReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`todo` counts the tickets that would be written, held by caps or not; `next` is what to type."""

    run: RunReport
    todo: int
    rows: list[PlanRow]
    rules: list[RuleChange]
    caps: list[CapReport]
    next: str


def plan_report(store: Store, connection: str, run: str) -> PlanReport:
    """Fold the plan's lines; memory grows with rules and reasons, not with groups."""
    fold = _Fold()
    for group, line in PlanLines(store, connection, run):
        fold.add(group, line)
    told, changes = report(store, connection, run), rule_changes(store, connection, run)
    return PlanReport(
        run=told,
        todo=fold.todo,
        rows=fold.rows(Naming(store, connection)),
        rules=changes,
        caps=fold.caps(),
        next=_next(told, fold, changes),
    )


def snapshot(store: Store, connection: str, run: str) -> RuleSet | None:
    """The rules that a run used; None when they are kept no longer."""
    found = octets(store.client.get(keys.run(connection, run, "rules")))
    return RuleSet.from_json(found) if found else None


def rule_changes(store: Store, connection: str, run: str) -> list[RuleChange]:
    """The run's rules in their order against the approved ones, then what was removed."""
    used, approved = snapshot(store, connection, run), Approvals(Register(store, connection)).rules()
    mine = {rule.id: rule.hash for rule in used.rules} if used else {}
    theirs = {rule.id: rule.hash for rule in approved.rules} if approved else {}
    found = [
        RuleChange(
            rule=rule,
            change="new" if rule not in theirs else "same" if theirs[rule] == digest else "changed",
            hash=digest,
            approved_hash=theirs.get(rule, ""),
        )
        for rule, digest in mine.items()
    ]
    gone = [rule for rule in theirs if rule not in mine] if used else []
    return found + [RuleChange(rule=r, change="removed", hash="", approved_hash=theirs[r]) for r in gone]


def csv_rows(store: Store, connection: str, run: str) -> Iterator[dict[str, str | int]]:
    """One row for each group of the plan, for a spreadsheet."""
    for group, line in PlanLines(store, connection, run):
        grouping = "; ".join(f"{name}={value}" for name, value in line["grouping"].items())
        yield {
            "rule": line["rule"],
            "what": "held" if line.get("held") else line["decision"],
            "wanted": line["decision"],
            "reason": line.get("held") or line["reason"],
            "type": line["type"],
            "ticket": line["ticket"],
            "findings": line["findings"],
            "severity": line["severity"],
            "risk": line["risk"],
            "grouping": grouping,
            "group": group.hex(),
        }


def _next(told: RunReport, fold: "_Fold", changes: list[RuleChange]) -> str:
    """Approve what is new or held by a cap; sync what is approved already; else nothing."""
    scope = told.scope
    news = any(one.change != "same" for one in changes) or scope.added or scope.removed or scope.shrunk
    if told.status == PLANNED and (news or fold.caps()):
        return f"isthmus runs approve {told.run}"
    return f"isthmus sync --connection {told.connection} --wait" if fold.todo else ""


class _Fold:
    """Lines added up by rule, decision and reason."""

    def __init__(self) -> None:
        self.todo = 0
        self._tickets: Counter[tuple[str, ...]] = Counter()
        self._findings: Counter[tuple[str, ...]] = Counter()
        self._examples: dict[tuple[str, ...], list[tuple[int, bytes, Mapping[str, Any]]]] = {}
        self._caps: Counter[tuple[str, str, str]] = Counter()

    def add(self, group: bytes, line: Mapping[str, Any]) -> None:
        held, wanted = line.get("held", ""), line["decision"]
        key = (line["rule"], "held" if held else wanted, wanted, held or line["reason"], line["type"])
        self.todo += Kind(wanted).writes
        self._tickets[key] += 1
        self._findings[key] += line["findings"]
        if held:
            self._caps[held, line["rule"], wanted] += 1
        best = self._examples.setdefault(key, [])
        best.append((line["worst"], group, line))
        best.sort(key=lambda one: (-one[0], -one[2]["findings"], one[1]))
        del best[_EXAMPLES:]

    def rows(self, naming: Naming) -> list[PlanRow]:
        """Rules by name; what is written first, what is left alone last."""
        keys_ = sorted(self._tickets, key=lambda key: (key[0], _ORDER.index(key[1]), key[3]))
        return [
            PlanRow(
                rule=key[0],
                what=key[1],
                wanted=key[2],
                reason=key[3],
                sentence=describe(key[3]),
                type=key[4],
                tickets=self._tickets[key],
                findings=self._findings[key],
                examples=[_example(naming, group, line) for _, group, line in self._examples[key]],
            )
            for key in keys_
        ]

    def caps(self) -> list[CapReport]:
        return [
            CapReport(reason=reason, rule=rule, kind=kind, tickets=count, sentence=describe(reason))
            for (reason, rule, kind), count in sorted(self._caps.items())
        ]


def _example(naming: Naming, group: bytes, line: Mapping[str, Any]) -> Example:
    return Example(
        group=group.hex(),
        ticket=line["ticket"],
        about=naming.about(line["grouping"]),
        grouping=line["grouping"],
        findings=line["findings"],
        severity=line["severity"],
        risk=line["risk"],
    )
