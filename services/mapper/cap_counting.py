"""Counts a run's candidates against the caps and holds what goes beyond, as a whole."""

import time
from collections.abc import Iterator

from common.model.decision import Outcome
from common.rules.effective import EffectiveRule
from common.state import keys
from common.state.holds import Hold, Holds
from common.state.store import Store
from services.mapper.candidates import CREATE, OTHER, REWRITE, Candidates
from services.mapper.caps import Exceeded, creates_of_day, creates_of_rule, resolves_of_rule, rewrites_of_rule
from services.mapper.planned import Planned
from services.mapper.run_view import RunView

_CHUNK = 500
_DAY = 24 * 3600


class CapCounting:
    """The caps of one run. What a person released is neither counted nor held."""

    def __init__(
        self, store: Store, view: RunView, candidates: Candidates, holds: Holds, planned: Planned
    ) -> None:
        self._store = store
        self._view = view
        self._candidates = candidates
        self._holds = holds
        self._planned = planned

    def run(self) -> None:
        sets = self._candidates.sets()
        for kind, rule_id in sets:
            rule = self._view.rules.get(rule_id)
            if rule is None:
                continue
            exceeded = self._exceeded(kind, rule) if kind != OTHER else None
            if exceeded is not None:
                self._hold(kind, rule_id, exceeded)
                self._tell(exceeded, kind, rule_id)
        self._of_day([rule_id for kind, rule_id in sets if kind == CREATE])

    def _exceeded(self, kind: str, rule: EffectiveRule) -> Exceeded | None:
        wanted, limits = self._counted(kind, rule.id), rule.resolve
        if kind == CREATE:
            return creates_of_rule(wanted, rule.cap.per_rule_and_run)
        if kind == REWRITE:
            return rewrites_of_rule(wanted, rule.cap.per_rule_and_run)
        if wanted <= limits.max_count:
            return None
        return resolves_of_rule(wanted, self._open_tickets(rule.id), limits.max_count, limits.max_share)

    def _of_day(self, rule_ids: list[str]) -> None:
        today = keys.named(self._view.connection, f"created:{time.strftime('%Y%m%d', time.gmtime())}")
        wanted = sum(self._counted(CREATE, rule_id) for rule_id in rule_ids)
        per_day = self._view.rules.settings.per_connection_and_day
        exceeded = creates_of_day(wanted, int(self._store.client.scard(today)), per_day)
        if exceeded is not None:
            self._tell(exceeded, CREATE, "")
            for rule_id in rule_ids:
                self._hold(CREATE, rule_id, exceeded)
        if self._view.plan:
            return
        for rule_id in rule_ids:
            for chunk in self._chunks(CREATE, rule_id):
                self._store.client.sadd(today, *(group for group, _ in chunk))
        self._store.client.expire(today, 2 * _DAY)

    def _counted(self, kind: str, rule_id: str) -> int:
        """Candidates that no person released."""
        released = sum(
            len(self._view.register.released(kind, [group for group, _ in chunk]))
            for chunk in self._chunks(kind, rule_id)
        )
        return self._candidates.count(rule_id, kind) - released

    def _hold(self, kind: str, rule_id: str, exceeded: Exceeded) -> None:
        view = self._view
        for chunk in self._chunks(kind, rule_id):
            groups = [group for group, _ in chunk]
            held = [group for group in groups if group not in view.register.released(kind, groups)]
            view.runs.outcomes(view.fence, [(group, Outcome.HELD, exceeded.reason) for group in held])
            if view.plan:
                self._planned.held(held, exceeded.reason)
            else:
                scores = dict(chunk)
                now = int(time.time())
                # A score is the urgency of its kind, in hundreds, less the worst finding's rank.
                self._holds.put(
                    view.fence,
                    *(
                        Hold(g, view.run, rule_id, kind, exceeded.reason, int(-scores[g]) % 100, now)
                        for g in held
                    ),
                )
            self._candidates.drop(rule_id, kind, held)

    def _tell(self, exceeded: Exceeded, kind: str, rule_id: str) -> None:
        self._view.runs.tell(self._view.run, exceeded.reason, exceeded.sentence(kind, rule_id))
        self._view.register.audit(
            "held", "isthmus", {"run": self._view.run, "rule": rule_id, "reason": exceeded.reason}
        )

    def _open_tickets(self, rule_id: str) -> int:
        return sum(1 for _, link in self._view.links.scan() if link.rule == rule_id and link.active)

    def _chunks(self, kind: str, rule_id: str) -> Iterator[list[tuple[bytes, float]]]:
        rows = list(self._candidates.of(rule_id, kind))
        for start in range(0, len(rows), _CHUNK):
            yield rows[start : start + _CHUNK]
