"""Writes down what a planned run would do, group by group."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from common.model.decision import OUTCOME_OF, Decision
from common.model.link import Link
from common.rules.effective import EffectiveRule
from common.state.groups import GroupState
from common.state.plans import TTL, PlanLines
from common.state.store import Store, octets
from services.mapper.candidates import Candidates
from services.mapper.run_view import RunView


class Planned:
    """The lines of one plan."""

    def __init__(self, store: Store, connection: str, run: str) -> None:
        self._store = store
        self._key = PlanLines(store, connection, run).key

    def note(
        self,
        rule_id: str,
        rule: EffectiveRule | None,
        states: Mapping[bytes, GroupState],
        links: Mapping[bytes, Link],
        decisions: Mapping[bytes, Decision],
    ) -> None:
        """Write down what each group would become."""
        pipe = self._store.client.pipeline(transaction=False)
        for group, decision in decisions.items():
            state, link = states[group], links.get(group)
            aggregate = state.aggregate
            line = {
                "rule": rule_id,
                "type": rule.ticket.type if rule else "",
                "decision": str(decision.kind),
                "reason": str(decision.reason),
                "grouping": dict(state.facts.values) if state.facts else {},
                "ticket": link.number if link else "",
                "findings": aggregate.open,
                "severity": aggregate.severity.name.title(),
                "risk": aggregate.risk.name.title(),
                "worst": aggregate.worst,
            }
            pipe.hset(self._key, group, json.dumps(line))
        pipe.expire(self._key, TTL)
        pipe.execute()

    def held(self, groups: Sequence[bytes], reason: str) -> None:
        """These groups would be written but for a cap."""
        for group, line in zip(groups, self._lines(groups), strict=True):
            self._store.client.hset(self._key, group, json.dumps({**line, "held": reason}))

    def finish(self, view: RunView, candidates: Candidates) -> None:
        """Record what would be written as the plan's outcomes."""
        for kind_family, rule_id in candidates.sets():
            groups = [group for group, _ in candidates.of(rule_id, kind_family)]
            for start in range(0, len(groups), 500):
                some = groups[start : start + 500]
                lines = self._lines(some)
                view.runs.outcomes(
                    view.fence,
                    [
                        (g, OUTCOME_OF[line["decision"]], line["reason"])
                        for g, line in zip(some, lines, strict=True)
                    ],
                )

    def _lines(self, groups: Sequence[bytes]) -> list[dict[str, Any]]:
        if not groups:
            return []
        return [
            json.loads(octets(packed) or b"{}")
            for packed in self._store.client.hmget(self._key, list(groups))
        ]
