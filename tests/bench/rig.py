"""Stacks to be measured, with the product's own settings; and the sizes of their worlds."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from tests.stack import SHORT, Stack
from tests.stack_rules import rules_text

WAIT = 900.0  # seconds for one run: this tells a hang from a loaded machine, nothing else
WORKERS = ("collector", "mapper", "mapper-2", "writer")
EVERYTHING = rules_text(
    rules="""\
rules:
  - id: everything
    when: {kind: recommendation}
    group: [recommendation, subscription_or_cloud_account]
    ticket: {type: incident, impact: 3, urgency: 3, due: 30d, affected: {shown: 25, rest: count}}
"""
)
"""Whatever is open makes or joins a ticket; the whole list of resources is not attached."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Findings, where nothing else is said."""

    sync: int = 100_000
    few_tickets: int = 2_000
    many_tickets: int = 8_000
    small_unit: int = 10_000
    large_unit: int = 300_000
    wide_rows: int = 4_000
    subscriptions: int = 100  # of 100 findings each, one query for each
    slow_tickets: int = 800
    members: int = 30_000  # open findings
    script_tickets: int = 320

    @classmethod
    def of(cls, findings: int) -> "Sizes":
        """All sizes scaled alike: `findings` is that of `sync`."""
        whole = cls()
        share = findings / whole.sync
        return cls(**{one.name: max(20, round(getattr(whole, one.name) * share)) for one in fields(cls)})


def bench_stack(
    findings: int, *, limits: str = "none", settings: Mapping[str, str] | None = None, **options: Any
) -> Stack:
    """A stack whose leases and sweeps are the product's own, not a test's short ones."""
    own = dict.fromkeys(SHORT, "")  # an empty variable is no setting
    quota = {"quota_calls": "100000"} if limits == "none" else {}
    return Stack(
        findings=findings,
        limits=limits,
        settings={**own, **quota, **(settings or {})},
        **{"rules": EVERYTHING, "redis_megabytes": 1024, "workers": WORKERS, **options},
    )


def approved(stack: Stack) -> None:
    """Plan and approve."""
    planned = stack.plan(seconds=WAIT)
    assert planned.status == "planned", planned
    stack.approve(planned.run)
