"""What a planned run would do, group by group: kept with the run for a week, written by the mapper."""

import json
from collections.abc import Iterator
from typing import Any

from common.state import keys
from common.state.store import Store, octets


class PlanLines:
    """The lines of one plan.

    A line holds rule, type, decision, reason, grouping, ticket, findings, severity, risk, worst, and `held`
    with a cap's reason where the decision is held.
    """

    def __init__(self, store: Store, connection: str, run: str) -> None:
        self._store = store
        self.key = keys.run(connection, run, "plan")

    def __iter__(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Every line as (group, line), streamed."""
        for group, packed in self._store.client.hscan_iter(self.key, count=500):
            yield octets(group), json.loads(packed)
