"""Faults that control arms: which request they hit, how often, and in which phase."""

import random
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

import msgspec

Before = Literal[
    "latency",
    "429_semaphore",
    "429_rate_rule",
    "429_arm",
    "429_arg",
    "500_before",
    "reset_before",
    "hibernation_200",
    "502_html",
    "skip_token_expired",
    "unserviced",
    "commit_late",
]
After = Literal["500_after_commit", "403_after_insert", "reset_after_commit", "truncated_200"]
BEFORE: frozenset[str] = frozenset(get_args(Before))
AFTER: frozenset[str] = frozenset(get_args(After))


class FaultSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /faults` takes. `route` and `subject` may be shell patterns (`servicenow.table.*`).

    `times` null means for ever; `skip` lets so many matching requests pass first; `match` is a substring of
    the request's path, query or body; `probability` is asked for each matching request.
    """

    route: str
    kind: Before | After
    subject: str | None = None
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    match: str | None = None
    params: dict[str, Any] = {}


class Fault:
    """One armed fault and what is left of it."""

    def __init__(self, fault_id: str, spec: FaultSpec) -> None:
        self.id = fault_id
        self.spec = spec
        self.applied = 0
        self._skipped = 0

    @property
    def spent(self) -> bool:
        return self.spec.times is not None and self.applied >= self.spec.times

    def seconds(self, default: float) -> float:
        """`params.seconds`, the length of a latency or of a late commit."""
        return float(self.spec.params.get("seconds", default))

    def hits(self, text: str, chance: random.Random) -> bool:
        """Whether this matching request is hit; counts it."""
        if self.spent or (self.spec.match is not None and self.spec.match not in text):
            return False
        if self.spec.kind == "skip_token_expired" and "$skiptoken" not in text.lower():
            return False
        if self._skipped < self.spec.skip:
            self._skipped += 1
            return False
        if chance.random() >= self.spec.probability:
            return False
        self.applied += 1
        return True

    def view(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "applied": self.applied,
            "spent": self.spent,
            **msgspec.structs.asdict(self.spec),
        }


class FaultBook:
    """All armed faults in the order of their arming; draws come from one seeded generator."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._chance = random.Random(seed)
        self._faults: list[Fault] = []
        self._next = 0

    def arm(self, spec: FaultSpec) -> Fault:
        self._next += 1
        fault = Fault(f"fault-{self._next}", spec)
        self._faults.append(fault)
        return fault

    def views(self) -> list[dict[str, Any]]:
        return [fault.view() for fault in self._faults]

    def candidates(self, kinds: frozenset[str], route: str, subject: str) -> list[Fault]:
        """Armed faults of these kinds that fit route and subject; empty is the usual, cheap answer."""
        return [
            fault
            for fault in self._faults
            if fault.spec.kind in kinds
            and not fault.spent
            and fnmatchcase(route, fault.spec.route)
            and (fault.spec.subject is None or fnmatchcase(subject, fault.spec.subject))
        ]

    def hits(self, candidates: list[Fault], text: str) -> Iterator[Fault]:
        """Those that hit, one by one: stop early and the later ones stay unspent."""
        return (fault for fault in candidates if fault.hits(text, self._chance))

    def clear(self) -> None:
        """Disarm all and start the draws anew."""
        self._faults.clear()
        self._chance = random.Random(self._seed)
