"""What a run holds, folded by rule and reason."""

from collections import Counter

import msgspec

from common.describe import describe
from common.operate.run_reports import RELEASABLE
from common.state.holds import Holds
from common.state.store import Store


class HeldRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Groups of one rule that are held for one reason; `releasable` by `isthmus runs approve`."""

    rule: str
    kind: str
    reason: str
    sentence: str
    tickets: int
    releasable: bool


def held_rows(store: Store, connection: str, run: str) -> list[HeldRow]:
    """What this run holds still."""
    counts = Counter((h.rule, h.kind, h.reason) for h in Holds(store, connection).all() if h.run == run)
    return [
        HeldRow(
            rule=rule,
            kind=kind,
            reason=reason,
            sentence=describe(reason),
            tickets=count,
            releasable=reason in RELEASABLE,
        )
        for (rule, kind, reason), count in sorted(counts.items())
    ]
