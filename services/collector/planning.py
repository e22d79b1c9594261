"""Which units a run reads. Pure: what was counted against what was there before (promise 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.state.directory import unit_of

# A unit that lost more than this share and more than so many rows is not read: its scope was lost.
SHRUNK_SHARE = 0.5
SHRUNK_ROWS = 50
PART_ROWS = 20_000  # rows in one chain of pages, which Resource Graph gives one after the other
MOST_PARTS = 16
_HEX = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Planned:
    """One unit to read, in `parts` chains; `expected` rows, -1 when they could not be counted."""

    unit: str
    subscription: str
    expected: int
    parts: int


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A unit that is not read."""

    unit: str
    subscription: str
    before: int
    now: int


def plan_units(
    subscriptions: Sequence[str], counts: Mapping[str, int] | None, before: Mapping[str, int]
) -> tuple[list[Planned], list[Shrunk]]:
    """Units largest first, and those that shrank. Without `counts` nothing is known to have shrunk."""
    planned: list[Planned] = []
    shrunk: list[Shrunk] = []
    for subscription in subscriptions:
        unit = unit_of(subscription)
        now, was = (-1 if counts is None else counts.get(subscription, 0)), before.get(unit, 0)
        if counts is not None and has_shrunk(was, now):
            shrunk.append(Shrunk(unit, subscription, was, now))
        else:
            planned.append(Planned(unit, subscription, now, parts_for(now)))
    return sorted(planned, key=lambda one: (-one.expected, one.unit)), shrunk


def has_shrunk(before: int, now: int) -> bool:
    """Whether so many rows vanished that a lost role is likelier than so many deletions."""
    gone = before - now
    return before > 0 and (now == 0 or (gone > SHRUNK_ROWS and gone > before * SHRUNK_SHARE))


def parts_for(rows: int) -> int:
    """How many chains read a unit side by side: a power of two up to 16."""
    parts = 1
    while parts < MOST_PARTS and parts * PART_ROWS < rows:
        parts *= 2
    return parts


def prefixes_of(part: int, parts: int) -> tuple[str, ...]:
    """First hex digits of the recommendation keys that a part reads; () for the whole."""
    if parts == 1:
        return ()
    width = len(_HEX) // parts
    return tuple(_HEX[part * width : (part + 1) * width])
