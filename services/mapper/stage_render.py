"""Renders a chunk of groups into orders for the writer.

Each group is decided again on what is known now: a ticket that a person closed since is not written to.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import zstandard
from msgspec.structs import replace

from common.azure.findings import Malformed, to_finding
from common.azure.rows import AssessmentRow
from common.errors import Fatal, Skip
from common.identity import GROUP_BYTES
from common.model.decision import OUTCOME_OF, Decision, Kind, Order, Outcome
from common.model.finding import Finding, Recommendation, Subscription
from common.model.group import Aggregate, GroupFacts
from common.model.link import Link
from common.runtime.drain import Lease
from common.settings.connection import Connection
from common.state import keys
from common.state.csv_files import CsvFiles
from common.state.groups import GroupState, pack_memo
from common.state.holds import Hold, Holds
from common.state.queue import Claimed, Item
from common.state.store import octets
from services.mapper.decide import Reason, decide, facts_digest
from services.mapper.deciding import Contexts, contexts
from services.mapper.render import render
from services.mapper.render_csv import affected_csv
from services.mapper.render_input import Directory, RenderInput, affected_of
from services.mapper.render_orders import Pass, orders
from services.mapper.run_view import RunView, Views

_encode = msgspec.msgpack.Encoder().encode
Rows = Mapping[bytes, Sequence[Mapping[str, Any]]]


class RenderStage:
    """Queue `render`: one item is one chunk of groups whose rows were read again."""

    queue = "render"
    batch = 1

    def __init__(self, views: Views, connections: Mapping[str, Connection]) -> None:
        self._views = views
        self._connections = connections

    def handle(self, connection: str, items: Sequence[Claimed], lease: Lease) -> None:
        view = self._views.current(connection)
        for item in view.own(items):
            chunk = item.id.decode()
            rows = self._rows(view, chunk)
            if rows is None:
                # They are kept for an hour; a mapper that was away longer has them read again.
                self._views.flow.put(connection, view.fence, "rows", [Item(item.id, 0, item.body)])
                continue
            cloud = self._connections[connection].azure.cloud
            Rendering(self._views, view, rows, cloud).run(_groups(item.body))
            lease.settle([item])
            self._views.store.client.unlink(keys.run(connection, view.run, f"rows:{chunk}"))
        self._views.flow.advance(connection, view.fence)

    def failed(self, connection: str, item: Claimed, error: Fatal) -> None:
        """The groups are held and stay dirty: the next run decides them again."""
        view = self._views.of(connection, item)
        groups = _groups(item.body)
        view.runs.tell(view.run, error.reason, f"{len(groups)} groups could not be rendered: {error}")
        view.runs.annotate(view.run, {"troubled": "1"})
        view.runs.outcomes(view.fence, [(group, Outcome.HELD, error.reason) for group in groups])
        self._views.flow.advance(connection, view.fence)

    def _rows(self, view: RunView, chunk: str) -> Rows | None:
        packed = octets(self._views.store.client.get(keys.run(view.connection, view.run, f"rows:{chunk}")))
        if not packed:
            return None
        found: Rows = msgspec.msgpack.decode(
            zstandard.ZstdDecompressor().decompress(packed), type=dict[bytes, list[dict[str, Any]]]
        )
        return found


class Rendering:
    """The rendering of one chunk."""

    def __init__(self, views: Views, view: RunView, rows: Rows, cloud: str) -> None:
        self._views = views
        self._view = view
        self._rows = rows
        self._cloud = cloud
        self._now = int(time.time())
        self._contexts: Contexts = contexts(view)
        self._recommendations: Mapping[str, Recommendation] = view.recommendations
        self._subscriptions: dict[str, Subscription] = view.directory.subscriptions()
        instance = view.directory.instance()
        self._names = Directory(instance.user_id, instance.groups, instance.users)
        self._files = CsvFiles(views.store, view.connection, view.run)

    def run(self, groups: Sequence[bytes]) -> None:
        view = self._view
        states = dict(zip(groups, view.groups.get_many(groups), strict=True))
        links = view.links.get_many(groups)
        released = view.register.released("create", list(groups))
        waiting: list[Item] = []
        quiet: dict[bytes, Decision] = {}
        revisit: dict[bytes, int] = {}
        for group, state in states.items():
            answer = self._one(state, links.get(group), released=group in released, group=group)
            if isinstance(answer, Decision):
                quiet[group] = answer
                revisit[group] = answer.revisit_at
                if answer.kind is Kind.HELD:
                    self._files.drop(group)
                continue
            order, at = answer
            revisit[group] = at
            waiting.append(Item(group, _score(order), _encode(order)))
        if waiting:
            self._views.flow.put(view.connection, view.fence, "write", waiting)
        view.groups.revisit(view.fence, revisit)
        self._settle(states, links, quiet)

    def _one(
        self, state: GroupState, link: Link | None, *, released: bool, group: bytes
    ) -> Decision | tuple[Order, int]:
        rule = self._view.rules.get(state.facts.rule) if state.facts else None
        if rule is None or state.facts is None:
            return Decision(Kind.HELD, "rule_removed", state.memo)
        context = self._contexts.of(rule, released=released)
        aggregate = state.aggregate
        decision = decide(aggregate, state.facts, link, state.memo, rule, self._now, context)
        if not decision.kind.writes:
            return decision
        findings = self._findings(group)
        source = RenderInput(
            connection=self._view.connection,
            rule=rule,
            facts=state.facts,
            aggregate=aggregate,
            decision=decision,
            link=link,
            directory=self._names,
            now=self._now,
            recommendation=self._recommendation(state.facts, findings),
            texts=self._texts(state.facts, findings),
            affected=tuple(affected_of(finding) for finding in findings),
            tags={name: value for finding in reversed(findings) for name, value in finding.tags.items()},
            cloud=self._cloud,
            told=state.memo.noted,
        )
        answer = orders(source, render(source), Pass(self._view.fence.epoch, self._view.run))
        if isinstance(answer, Decision):
            return answer
        attach = decision.kind is Kind.CREATE and self._attach(group, aggregate)
        return replace(answer, memo=pack_memo(decision.memo), attach_csv=attach), decision.revisit_at

    def _attach(self, group: bytes, aggregate: Aggregate) -> bool:
        """Make the file of all affected resources, where their rows were read; whether there is one."""
        findings = self._readable(self._files.rows(group))
        if not findings:
            # A mapper that was killed here may have made it before.
            return self._files.made(group)
        left_out = max(0, aggregate.open - len(findings))
        self._files.put(group, affected_csv(map(affected_of, findings), left_out))
        return True

    def _findings(self, group: bytes) -> list[Finding]:
        """The group's worst findings as they are now."""
        return self._readable(self._rows.get(group, ()))

    def _readable(self, rows: Iterable[Mapping[str, Any]]) -> list[Finding]:
        """Rows as findings; one that can't be read is left out of the text."""
        found: list[Finding] = []
        for row in rows:
            tags = dict(row.get("tags") or {})
            try:
                plain = msgspec.convert({k: v for k, v in row.items() if k != "tags"}, AssessmentRow)
                finding = to_finding(plain, self._recommendations, self._subscriptions)
            except (Malformed, Skip, msgspec.ValidationError):
                continue
            found.append(_tagged(finding, tags) if tags else finding)
        return found

    def _recommendation(self, facts: GroupFacts, findings: Sequence[Finding]) -> Recommendation | None:
        key = dict(facts.values).get("recommendation", "")
        if known := self._recommendations.get(key):
            return known
        one = next((finding for finding in findings if not key or finding.recommendation == key), None)
        return Recommendation(one.recommendation, one.title, one.severity) if one and key else None

    def _texts(self, facts: GroupFacts, findings: Sequence[Finding]) -> dict[str, str]:
        """Grouping values as people know them."""
        texts: dict[str, str] = {}
        for dimension, value in facts.values:
            if dimension == "recommendation":
                known = self._recommendations.get(value)
                texts[dimension] = known.title if known else next((f.title for f in findings), value)
            elif dimension.startswith("subscription") and value in self._subscriptions:
                texts[dimension] = self._subscriptions[value].name
            elif dimension == "resource" and findings:
                texts[dimension] = findings[0].resource_name
        return texts

    def _settle(
        self, states: Mapping[bytes, GroupState], links: Mapping[bytes, Link], quiet: Mapping[bytes, Decision]
    ) -> None:
        """End what turned out to need no write."""
        view = self._view
        view.runs.outcomes(view.fence, [(g, OUTCOME_OF[d.kind], str(d.reason)) for g, d in quiet.items()])
        view.groups.remember(view.fence, {g: d.memo for g, d in quiet.items()})
        changes: dict[bytes, tuple[Link | None, Link]] = {}
        by_rule: dict[str, list[bytes]] = {}
        held: list[Hold] = []
        for group, decision in quiet.items():
            state, link = states[group], links.get(group)
            rule = view.rules.get(state.facts.rule) if state.facts else None
            by_rule.setdefault(state.facts.rule if state.facts else "", []).append(group)
            if decision.reason == Reason.NOTHING_TO_WRITE and link is not None and rule is not None:
                changes[group] = (link, replace(link, facts=facts_digest(state.aggregate, rule)))
            if decision.kind is Kind.HELD:
                held.append(_hold(group, view.run, state, decision, self._now))
        view.links.replace(view.fence, changes)
        view.register.use_release("rewrite", list(changes))
        Holds(self._views.store, view.connection).put(view.fence, *held)
        for rule_id, groups in by_rule.items():
            view.groups.clean(view.fence, rule_id, groups)


def _hold(group: bytes, run: str, state: GroupState, decision: Decision, now: int) -> Hold:
    rule = state.facts.rule if state.facts else ""
    return Hold(group, run, rule, "held", str(decision.reason), state.aggregate.worst, now)


def _tagged(finding: Finding, tags: dict[str, str]) -> Finding:
    return replace(finding, tags=tags)


def _groups(body: bytes) -> list[bytes]:
    return [body[at : at + GROUP_BYTES] for at in range(0, len(body), GROUP_BYTES)]


def _score(order: Order) -> float:
    """Lowest first: what lowers risk for people at once, then the worst creates."""
    return float(1000 - order.worst) if order.kind == Kind.CREATE else float(100 - order.worst)
