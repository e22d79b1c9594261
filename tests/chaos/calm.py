"""Evidence that is missing in a world that stands still: not one ticket may move."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.stack import Stack

_LOST: Mapping[str, dict[str, Any]] = {
    "role lost everywhere": {"role_lost": "all"},
    "rows lost, subscriptions seen": {"role_lost": {"subscriptions": "all", "keep_container": True}},
    "rows missing": {"row_missing": True},
    "rows twice": {"row_twice": True},
    "truncated results": {"results_truncated": True},
}
_ONE_LOST = "role lost on one subscription"
_DISABLED = "a subscription disabled"
CALMS = (*_LOST, _ONE_LOST, _DISABLED)


@contextmanager
def calm(stack: Stack, name: str) -> Iterator[None]:
    """The condition, taken back at the end."""
    if name == _DISABLED:
        one = _a_subscription(stack)
        stack.azure("disable_subscription", ids=[one])
        yield
        stack.azure("enable_subscription", ids=[one])
        return
    modes = _LOST.get(name) or {"role_lost": {"subscriptions": [_a_subscription(stack)]}}
    stack.modes(**modes)
    yield
    stack.modes(**dict.fromkeys(modes, False))


def _a_subscription(stack: Stack) -> str:
    return min(str(row["subscription"]) for row in stack.rows())
