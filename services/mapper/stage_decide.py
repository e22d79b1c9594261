"""Decides every group that was touched, counts the caps on the whole, leaves the backlog to be written.

May be killed and repeated at any point: outcomes, candidates and touched groups are keyed by group.
"""

import json
import time
from collections.abc import Iterator, Sequence

from common.errors import Fatal
from common.model.decision import OUTCOME_OF, Decision, Kind
from common.model.group import Aggregate
from common.model.link import Link
from common.runtime.drain import Lease
from common.state import keys
from common.state.groups import GroupState
from common.state.holds import Hold, Holds
from common.state.queue import Claimed
from common.state.runs import FAILED
from services.mapper.candidates import Candidates, family
from services.mapper.cap_counting import CapCounting
from services.mapper.decide import decide
from services.mapper.deciding import contexts
from services.mapper.planned import Planned
from services.mapper.run_view import CLASSIFIED_ANEW, RunView, Views

_CLOSED = "7"
_CHUNK = 200
_URGENCY = {Kind.RESOLVE: 0.0, Kind.REOPEN: 100.0, Kind.UPDATE: 200.0, Kind.NOTE: 300.0, Kind.CREATE: 1000.0}


class DecideStage:
    """Queue `decide`: one item is one run."""

    queue = "decide"
    batch = 1

    def __init__(self, views: Views) -> None:
        self._views = views

    def handle(self, connection: str, items: Sequence[Claimed], lease: Lease) -> None:  # noqa: ARG002 - repeatable
        view = self._views.current(connection)
        if view.own(items) and view.record.get("decided") != "1":
            Deciding(self._views, view).run()
        self._views.flow.advance(connection, view.fence)

    def failed(self, connection: str, item: Claimed, error: Fatal) -> None:
        view = self._views.of(connection, item)
        view.runs.tell(view.run, error.reason, f"the run could not be decided: {error}")
        view.runs.end(view.fence, FAILED, {"reason": error.reason})


class Deciding:
    """The decisions of one run."""

    def __init__(self, views: Views, view: RunView) -> None:
        self._store = views.store
        self._view = view
        self._now = int(time.time())
        self._contexts = contexts(view)
        self._candidates = Candidates(views.store, view.connection, view.fence)
        self._holds = Holds(views.store, view.connection)
        self._planned = Planned(views.store, view.connection, view.run)
        self._touched = keys.run(view.connection, view.run, "touched")
        self._strays = False

    def run(self) -> None:
        view = self._view
        self._wake()
        rules = view.groups.rules()
        for rule_id in rules:
            for groups in self._dirty(rule_id):
                self._decide(rule_id, groups)
        CapCounting(self._store, view, self._candidates, self._holds, self._planned).run()
        if view.plan:
            self._planned.finish(view, self._candidates)
        else:
            self._candidates.to_backlog()
        touched = int(self._store.client.scard(self._touched))
        view.runs.update(view.fence, {"decided": "1", "touched": str(touched)})
        if self._strays and not view.plan:
            view.register.update(view.fence, {CLASSIFIED_ANEW: view.run})
        self._candidates.clear()
        self._settle_dirty(rules)

    def _wake(self) -> None:
        """Make dirty what time, a hold or a changed rule brings back."""
        view, groups = self._view, self._view.groups
        due = groups.due(self._now)
        for group, facts in groups.facts(due).items():
            groups.make_dirty(facts.rule, [group])
        for hold in self._holds.all():
            groups.make_dirty(hold.rule, [hold.group])
        hashes = {rule.id: rule.hash for rule in view.rules.rules}
        before: dict[str, str] = json.loads(view.register.get("rules_decided") or "{}")
        for rule_id, rule_hash in before.items():
            if hashes.get(rule_id) != rule_hash:
                groups.make_dirty(rule_id, groups.of_rule(rule_id))
        if not view.plan:
            view.register.update(view.fence, {"rules_decided": json.dumps(hashes)})

    def _dirty(self, rule_id: str) -> Iterator[list[bytes]]:
        chunk: list[bytes] = []
        for group in self._view.groups.dirty(rule_id):
            chunk.append(group)
            if len(chunk) >= _CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def _decide(self, rule_id: str, groups: list[bytes]) -> None:
        view = self._view
        self._store.write(view.fence, view.connection, "SADD", self._touched, groups)
        self._store.client.expire(self._touched, 24 * 3600)
        rule = view.rules.get(rule_id)
        states = dict(zip(groups, view.groups.get_many(groups), strict=True))
        links = view.links.get_many(groups)
        released = view.register.released("create", groups)
        decided: dict[bytes, tuple[Decision, Aggregate]] = {}
        for group, state in states.items():
            if rule is None or state.facts is None:
                decided[group] = (self._orphaned(state, links.get(group)), state.aggregate)
                continue
            context = self._contexts.of(rule, released=group in released)
            decision = decide(
                state.aggregate, state.facts, links.get(group), state.memo, rule, self._now, context
            )
            decided[group] = (decision, state.aggregate)
        self._record(rule_id, decided)
        if view.plan:
            self._planned.note(rule_id, rule, states, links, {g: d for g, (d, _) in decided.items()})

    def _record(self, rule_id: str, decided: dict[bytes, tuple[Decision, Aggregate]]) -> None:
        """Non-writing decisions are outcomes at once; the others become candidates."""
        view = self._view
        quiet = {g: d for g, (d, _) in decided.items() if not d.kind.writes}
        ended = [(g, OUTCOME_OF[d.kind], d.reason) for g, d in quiet.items()]
        view.runs.outcomes(view.fence, ended)
        scores: dict[str, dict[bytes, float]] = {}
        for group, (decision, aggregate) in decided.items():
            if decision.kind.writes:
                score = _URGENCY[decision.kind] - aggregate.worst
                scores.setdefault(family(decision), {})[group] = score
        for kind_family, some in scores.items():
            self._candidates.add(rule_id, kind_family, some)
        if view.plan:
            return
        view.groups.remember(view.fence, {g: d.memo for g, d in quiet.items()})
        view.groups.revisit(view.fence, {g: d.revisit_at for g, d in quiet.items()})
        held = {g: d for g, d in quiet.items() if d.kind is Kind.HELD}
        self._holds.put(
            view.fence,
            *(
                Hold(g, view.run, rule_id, "held", d.reason, decided[g][1].worst, self._now)
                for g, d in held.items()
            ),
        )
        self._holds.drop(view.fence, [g for g in decided if g not in held])

    def _orphaned(self, state: GroupState, link: Link | None) -> Decision:
        """A group whose rule is no longer there: its open ticket waits for `rules migrate` or a person.

        Once it is closed its findings follow the rules there are; unchanged, they would not be looked at.
        """
        unhealthy = state.aggregate.open > 0
        waits = link is not None and link.holds_findings and (unhealthy or not link.resolved)
        self._strays |= unhealthy and link is not None and link.state == _CLOSED
        return Decision(Kind.HELD if waits else Kind.SKIPPED, "rule_removed", state.memo)

    def _settle_dirty(self, rules: Sequence[str]) -> None:
        """What has its outcome is no longer dirty; what is to be written stays so until it is."""
        view = self._view
        for rule_id in rules:
            for groups in self._dirty(rule_id):
                outcomes = view.runs.outcome_of(view.run, groups)
                view.groups.clean(
                    view.fence, rule_id, [g for g, outcome in zip(groups, outcomes, strict=True) if outcome]
                )
