"""Choosing what a change is done to: explicit ids, a count, or a share with a seed."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")


def choose(op: Mapping[str, Any], items: Sequence[Item], ids: Mapping[str, Item]) -> list[Item]:
    """`{"ids": [...]}`, `{"count": n}`, `{"share": 0.01, "seed": n}`; all candidates when none is given.

    `ids` finds a candidate by lower-case id. Raises ValueError for an id that is no candidate.
    """
    if "ids" in op or "id" in op:
        wanted = [str(item).lower() for item in (op.get("ids") or [op["id"]])]
        missing = [item for item in wanted if item not in ids]
        if missing:
            raise ValueError(f"{op.get('op')}: no such candidate: {missing[0]}")
        return [ids[item] for item in dict.fromkeys(wanted)]
    rng = random.Random(int(op.get("seed", 0)))
    if "count" in op:
        return rng.sample(items, min(int(op["count"]), len(items)))
    if "share" in op:
        return [item for item in items if rng.random() < float(op["share"])]
    return list(items)
