"""ServiceNow's priority look-up, and the floor that keeps us off P1."""

from collections.abc import Sequence

# impact x urgency -> priority, as delivered (dl_u_priority)
_PRIORITY = {
    (1, 1): 1, (1, 2): 2, (1, 3): 3,
    (2, 1): 2, (2, 2): 3, (2, 3): 4,
    (3, 1): 3, (3, 2): 4, (3, 3): 5,
}  # fmt: skip


def priority(impact: int, urgency: int) -> int:
    """The priority that an instance with the delivered look-up computes."""
    return _PRIORITY[impact, urgency]


def floored_urgency(impact: int, urgency: int, floor: int) -> int:
    """The urgency, lowered (3 is lowest) until the priority is no higher than the floor."""
    while urgency < 3 and priority(impact, urgency) < floor:
        urgency += 1
    return urgency


def urgency_for(pairs: Sequence[tuple[str, int]], level: str) -> int:
    """The urgency of a level; `default` stands for levels that are not named."""
    table = dict(pairs)
    return table.get(level, table["default"])
