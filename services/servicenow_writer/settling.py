"""Recording how orders ended, in an order in which a crash at any point is harmless.

Link first (what was written stays known whatever run is current), the queue last: an item that comes back
finds its own stamp on the ticket and is settled the same way again.
"""

import time
from collections.abc import Mapping, Sequence

import structlog

from common.errors import Superseded
from common.model.decision import Kind, Outcome
from common.model.link import Link
from common.observe import names
from common.observe.metrics import Metrics
from common.state.groups import Groups
from common.state.holds import DeadLetters, Hold, Holds
from common.state.intents import Intents
from common.state.links import Links
from common.state.register import Register
from common.state.runs import Runs
from common.state.store import Fence, Store
from services.servicenow_writer.endings import Ending, audit_entry, dead_letter

_CAS_TRIES = 3
_KIND = "recommendation"


class Settler:
    """Records endings of one connection."""

    def __init__(self, store: Store, connection: str, metrics: Metrics) -> None:
        self._connection = connection
        self._metrics = metrics
        self._links = Links(store, connection)
        self._runs = Runs(store, connection)
        self._groups = Groups(store, connection)
        self._intents = Intents(store, connection)
        self._register = Register(store, connection)
        self._dead = DeadLetters(store, connection)
        self._holds = Holds(store, connection)
        self._log = structlog.get_logger("writer")
        self._started: tuple[str, int] = ("", 0)

    def link(self, epoch: str, endings: Sequence[Ending], links: Mapping[bytes, Link]) -> set[bytes]:
        """Store the new links by compare and set; answers groups that somebody overtook.

        Raises Superseded when Redis is another incarnation: the tickets then come back by `links rebuild`.
        """
        todo = {e.job.group: e for e in endings if e.relink is not None}
        now = dict(links)
        for _ in range(_CAS_TRIES):
            changes = self._changes(todo, now)
            lost = self._links.replace(Fence(epoch), changes)
            if not lost:
                return set()
            now = self._links.get_many(list(lost))
            todo = {
                group: todo[group]
                for group in lost
                if group not in now or now[group].seq <= todo[group].job.order.seq
            }
            if not todo:
                return lost
        return set(todo)

    def _changes(
        self, todo: Mapping[bytes, Ending], now: Mapping[bytes, Link]
    ) -> dict[bytes, tuple[Link | None, Link]]:
        changes = {}
        for group, ending in todo.items():
            before = now.get(group)
            after = ending.relink(before) if ending.relink is not None else None
            if after is not None and after is not before:
                changes[group] = (before, after)
        return changes

    def record(self, fence: Fence, endings: Sequence[Ending], overtaken: set[bytes]) -> None:
        """Outcomes, dirty marks, dead letters, audit, metrics; no outcomes of a superseded run."""
        now = int(time.time())
        for ending in endings:
            if ending.outcome is Outcome.DEAD:
                self._dead.put(ending.job.group, dead_letter(ending))
        if any(e.outcome is Outcome.DEAD or (e.outcome is Outcome.HELD and not e.settled) for e in endings):
            self._runs.annotate(fence.run, {"troubled": "1"})
        self._mark(endings, {e.job.group for e in endings if e.dirty} | overtaken)
        self._intents.clear([e.job.group for e in endings if e.settled])
        self._tell(fence.run, endings)
        wrote = [e for e in endings if e.wrote]
        self._register.wrote(audit_entry(e, fence.run, now) for e in wrote)
        self._dead.drop([e.job.group for e in wrote])
        for kind, word in ((Kind.CREATE, "create"), (Kind.UPDATE, "rewrite"), (Kind.RESOLVE, "resolve")):
            self._register.use_release(word, [e.job.group for e in wrote if e.job.order.kind == kind])
        try:
            self._holds.put(fence, *(_hold(e, fence.run, now) for e in endings if e.outcome is Outcome.HELD))
            self._holds.drop(fence, [e.job.group for e in wrote if e.outcome is not Outcome.HELD])
            self._runs.outcomes(fence, [(e.job.group, e.outcome, e.reason) for e in endings])
            self._groups.remember_packed(fence, {e.job.group: e.job.order.memo for e in wrote})
        except Superseded:
            self._log.info("outcome_superseded", connection=self._connection, run=fence.run)
        self._measure(fence.run, endings, now)

    def _mark(self, endings: Sequence[Ending], dirty: set[bytes]) -> None:
        for rule in {e.job.order.rule for e in endings if e.job.group in dirty}:
            mine = [e.job.group for e in endings if e.job.order.rule == rule and e.job.group in dirty]
            self._groups.make_dirty(rule, mine)

    def clean(self, fence: Fence, endings: Sequence[Ending], overtaken: set[bytes]) -> None:
        """Groups whose orders are settled are no longer dirty, but for those that are to be decided again."""
        clean = [e for e in endings if not e.dirty and e.job.group not in overtaken]
        try:
            for rule in {e.job.order.rule for e in clean}:
                mine = [e.job.group for e in clean if e.job.order.rule == rule]
                self._groups.clean(fence, rule, mine)
        except Superseded:
            self._log.info("clean_superseded", connection=self._connection, run=fence.run)

    def _tell(self, run: str, endings: Sequence[Ending]) -> None:
        """Sentences for people, each once in a run."""
        told = {(e.reason, e.sentence) for e in endings if e.sentence}
        for ending in endings:
            for deviation in ending.deviations:
                table = ending.job.order.table
                self._metrics.count(names.FIELDS_DROPPED, table, deviation.field)
                told.add((f"field_{deviation.fate}", deviation.sentence(table)))
        for reason, sentence in sorted(told):
            self._runs.tell(run, reason, sentence)

    def _measure(self, run: str, endings: Sequence[Ending], now: int) -> None:
        started = self._run_started(run) or now
        for ending in endings:
            self._metrics.count(names.DECISIONS, ending.outcome.value, ending.reason)
            if ending.wrote and ending.job.creates:
                self._metrics.time(names.FINDING_TO_TICKET, max(0, now - started), _KIND)
            order = ending.job.order
            self._log.info(
                "ticket",
                connection=self._connection,
                run=run,
                outcome=ending.outcome.value,
                reason=ending.reason,
                number=ending.number,
                rule=order.rule,
                group=order.group,
                seq=order.seq,
            )

    def _run_started(self, run: str) -> int:
        """When the run began: findings are first read after that."""
        known, at = self._started
        if known != run:
            at = int(self._runs.record(run).get("started", "0"))
            self._started = (run, at)
        return at


def _hold(ending: Ending, run: str, now: int) -> Hold:
    order = ending.job.order
    return Hold(ending.job.group, run, order.rule, "held", ending.reason, order.worst, now)
