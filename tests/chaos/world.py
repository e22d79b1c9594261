"""What Azure and people do meanwhile, by a seed."""

import random
from typing import Any

from tests.stack import CONNECTION, Stack

_WORDS = {"short_description": "Mine: the platform team looks at it"}


def stir(stack: Stack, rng: random.Random) -> None:
    """Enough of everything that each kind of decision comes up in the next run."""
    tickets = stack.tickets()
    stack.witnesses[CONNECTION].learn(tickets)
    size = len(tickets)
    some = max(3, size // 100)
    for op, about in (
        ("fix", {"share": 0.02}),
        ("unfix", {"share": 0.01}),
        ("new_finding", {"count": max(40, size // 25)}),
        ("raise_risk", {"count": some}),
        ("exempt", {"count": 3, "category": rng.choice(("waiver", "mitigated"))}),
        ("not_applicable", {"count": 3}),
    ):
        stack.azure(op, seed=rng.randrange(1_000_000), **about)
    _delete(stack, rng)
    if size:
        _people(stack, rng, some)


def _delete(stack: Stack, rng: random.Random) -> None:
    """Resources go, their findings with them: a loss of Redis before that is settled leaves a doubt."""
    rows = stack.rows()
    own = [row for row in rows if row["resource_type"].lower() != "microsoft.resources/subscriptions"]
    resources = {row["resource"] for row in rng.sample(own, 2)}
    stack.witnesses[CONNECTION].doubt(row for row in rows if row["resource"] in resources)
    stack.azure("delete_resource", ids=sorted(resources))


def _people(stack: Stack, rng: random.Random, some: int) -> None:
    for op, count in (("edit", some), ("assign", some), ("note", some), ("resolve", 2), ("close", 2)):
        about: dict[str, Any] = {"fields": _WORDS} if op == "edit" else {}
        stack.person(op, **{"count": count, "seed": rng.randrange(1_000_000), **about})
    for op in ("cancel", "delete"):
        stack.person(op, count=1, seed=rng.randrange(1_000_000))
