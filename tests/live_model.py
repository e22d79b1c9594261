"""The tests' own model of what should stand in ServiceNow, made from the world alone."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_OPEN_OF = re.compile(r"^Open: (\d+) of (\d+)", re.MULTILINE)
_VALUE = re.compile(r"^\[isthmus\] (\w+)=(.*?) \|", re.MULTILINE)
Place = tuple[str, str]  # recommendation key, subscription or cloud account


@dataclass
class Accounting:
    """attempted = groups due a ticket; `ok` of them are right, the rest is named by what is wrong."""

    attempted: int = 0
    ok: int = 0
    duplicated: list[Place] = field(default_factory=list)
    lost: list[Place] = field(default_factory=list)
    wrong: list[tuple[Place, str]] = field(default_factory=list)

    @property
    def right(self) -> bool:
        return self.attempted == self.ok and not (self.duplicated or self.lost or self.wrong)

    def __str__(self) -> str:
        return (
            f"accounting: attempted={self.attempted} ok={self.ok} duplicated={len(self.duplicated)} "
            f"lost={len(self.lost)} wrong={len(self.wrong)}"
        )


def expected(findings: Iterable[Mapping[str, Any]]) -> Counter[Place]:
    """Open findings by group, for the rule of live_rules.yaml."""
    due: Counter[Place] = Counter()
    for finding in findings:
        if finding["code"] == "Unhealthy" and not finding["preview"]:
            due[
                finding["recommendation"].lower(), (finding["account"] or finding["subscription"]).lower()
            ] += 1
    return due


def account(findings: Iterable[Mapping[str, Any]], tickets: Iterable[Mapping[str, str]]) -> Accounting:
    """Hold the open tickets against what is due."""
    due, found = expected(findings), defaultdict(list)
    for ticket in tickets:
        if ticket["correlation_id"].startswith("isth:") and ticket["state"] not in ("6", "7", "8"):
            values = dict(_VALUE.findall(ticket["description"]))
            found[values["recommendation"], values["subscription_or_cloud_account"]].append(ticket)
    told = Accounting(attempted=len(due))
    for place, count in due.items():
        told.ok += _judge(told, place, count, found.pop(place, []))
    told.wrong += [(place, "open though nothing is") for place in found]
    return told


def _judge(told: Accounting, place: Place, count: int, tickets: list[Mapping[str, str]]) -> int:
    if not tickets:
        told.lost.append(place)
    elif len(tickets) > 1:
        told.duplicated.append(place)
    else:
        match = _OPEN_OF.search(tickets[0]["description"])
        if match and int(match[1]) == count:
            return 1
        told.wrong.append((place, f"{match and match[0]!r} where {count} are open"))
    return 0
