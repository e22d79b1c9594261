"""Planning a run: scopes, claims, metadata, counts, and one unit for each subscription that is read."""

from collections.abc import Mapping, Sequence

from common.azure import kql
from common.azure.resource_graph import Scope
from common.azure.rows import CountRow
from common.errors import Fatal
from common.http.deadline import Deadline
from common.observe import names
from common.runtime.drain import Lease
from common.settings.connection import Connection
from common.state.approvals import Approvals
from common.state.directory import RunScope, unit_of
from common.state.queue import Claimed, Item
from common.state.runs import UnitRecord
from common.state.store import Fence
from services.collector import queries
from services.collector.claims import Claims
from services.collector.desk import Desk
from services.collector.metadata import read_metadata
from services.collector.planning import Planned, Shrunk, plan_units
from services.collector.ports import Clients
from services.collector.reading import Chain, pack_chain
from services.collector.scope import Change, Found, Resolver, chunks, compare, next_document
from services.collector.stage import CollectorStage

_SECONDS = 600.0
_Counts = dict[str, int]


class Plan(CollectorStage):
    """Stage `plan`: puts `read` items, largest first."""

    queue = "plan"

    def work(self, desk: Desk, fence: Fence, item: Claimed, lease: Lease) -> None:
        del item, lease
        if desk.runs.record(fence.run).get("planned") == "1":
            return
        connection = self.context.configured(desk.connection)
        clients = self.context.clients.of(desk.connection)
        PlannedRun(self, desk, fence, connection, clients).plan()
        desk.flow.advance(desk.connection, fence)

    def give_up(self, desk: Desk, fence: Fence, item: Claimed, error: Fatal) -> None:
        del item
        self.fail_run(desk, fence, error.reason, f"What to read could not be found out: {error}")


class PlannedRun:
    """The planning of one run."""

    def __init__(
        self, stage: Plan, desk: Desk, fence: Fence, connection: Connection, clients: Clients
    ) -> None:
        self._stage = stage
        self._desk = desk
        self._fence = fence
        self._connection = connection
        self._clients = clients
        self._deadline = Deadline(_SECONDS)
        self._live = not desk.planning(fence)
        self._claims = Claims(stage.context.store, connection.servicenow.url)

    def plan(self) -> None:
        """Raises Superseded, Park or Retry; steps that are done are not asked for again."""
        found = self._found()
        change, document = self._changed(found)
        claimed = self._claimed(change)
        read = [one for one in change.read if one not in claimed]
        self._desk.directory.put_subscriptions(self._fence, found.subscriptions.values())
        if read:
            read_metadata(self._desk, self._fence, self._clients, read, self._deadline)
        counts = self._counts("counts", kql.ASSESSMENT_COUNTS, read)
        self._tell_cspm(read)
        planned, shrunk = plan_units(read, counts, self._desk.directory.rows([unit_of(one) for one in read]))
        self._tell_shrunk(shrunk)
        self._desk.directory.put_run_scope(
            self._fence.run,
            RunScope(
                tuple(sorted(found.subscriptions)),
                change.new,
                change.lost,
                tuple(one.unit for one in shrunk),
                claimed,
            ),
        )
        self._put(planned, shrunk, self._unread(found, change))
        if self._live:
            self._desk.register.put_document("scope", {**document, "claimed": sorted(claimed)})

    # scope

    def _found(self) -> Found:
        scope, tenant = self._connection.scope, self._connection.azure.tenant_id
        resolver = Resolver(self._clients.graph, self._deadline)
        found = self._desk.memo(self._fence.run, "scope", Found, lambda: resolver.resolve(scope, tenant))
        if found.disabled:
            self._tell("subscription_disabled", f"{_count(found.disabled)} not enabled and not read.")
        if found.foreign:
            self._tell("foreign_tenant", f"{_count(found.foreign)} of another tenant and not read.")
        if not found.whole:
            self._tell("truncated_result", "Azure answered with a part of the scope only; the rest waits.")
        return found

    def _changed(self, found: Found) -> tuple[Change, dict[str, object]]:
        register = self._desk.register
        document = register.document("scope")
        approved = Approvals(register).subscriptions()
        excluded = self._connection.scope.exclude
        change = compare(document, found, approved=approved, plan=not self._live, excluded=excluded)
        if change.new and (document or approved):
            waiting = "is approved with this run" if not self._live else "not read until a plan is approved"
            self._tell("scope_new", f"{_count(change.new)} new in this scope: {waiting}.")
        lost = [one for one in change.lost if one not in found.disabled]
        if lost:
            self._tell(
                "scope_lost",
                f"{_count(lost)} not to be seen any more: role, management group or subscription"
                " is gone. Their tickets stay as they are.",
            )
        if found.subscriptions or not lost:  # else all of it is lost, and that was told
            self._tell_empty(found)
        gone = {str(one) for one in document.get("subscriptions", ())} & set(excluded)
        if self._live:
            self._claims.release([*self._moved(change), *gone], self._desk.connection)
        return change, next_document(document, change, found)

    def _tell_empty(self, found: Found) -> None:
        for name in found.unknown:
            self._tell("unknown_scope", f"Azure shows nothing of {name}: check the name, and the role on it.")
        if not found.subscriptions:
            self._tell("empty_scope", "Azure shows no enabled subscription in this connection's scope.")

    def _moved(self, change: Change) -> list[str]:
        """Lost subscriptions that can be seen elsewhere: they left the scope, and may be claimed anew."""
        moved: list[str] = []
        for chunk in chunks(change.lost):
            rows, _ = Resolver(self._clients.graph, self._deadline).rows(Scope(subscriptions=chunk))
            moved += [row.subscriptionId.lower() for row in rows]
        return moved

    def _claimed(self, change: Change) -> dict[str, str]:
        """Subscriptions of another connection to the same instance. A plan claims nothing."""
        name = self._desk.connection
        if self._live:
            known = self._stage.context.connections.keys()
            claimed = self._claims.take(change.read, name, known)
        else:
            claimed = self._claims.others(change.read, name)
        for owner in sorted(set(claimed.values())):
            theirs = [one for one, by in claimed.items() if by == owner]
            self._tell("claimed_by", f"{_count(theirs)} claimed by connection {owner}, and not read here.")
        return claimed

    def _unread(self, found: Found, change: Change) -> list[UnitRecord]:
        """Parts of the scope that show nothing, as failed units: such a run is not complete."""
        failed = [
            UnitRecord(f"scope:{name}", state="failed", reason="unknown_scope") for name in found.unknown
        ]
        if change.lost and not found.subscriptions:
            failed.append(UnitRecord("scope:all", state="failed", reason="scope_lost"))
        if not found.whole:
            failed.append(UnitRecord("scope:rest", state="failed", reason="truncated_result"))
        return failed

    # counts

    def _counts(self, name: str, query: str, subscriptions: Sequence[str]) -> Mapping[str, int] | None:
        """Rows by subscription; None when Azure cut the answer."""
        whole = self._desk.memo(
            self._fence.run, name, list[_Counts], lambda: self._count(query, subscriptions)
        )
        return whole[0] if whole else None

    def _count(self, query: str, subscriptions: Sequence[str]) -> list[_Counts]:
        """One mapping, or nothing when Azure cut the answer."""
        counts: _Counts = {}
        for chunk in chunks(subscriptions):
            scope = Scope(subscriptions=chunk)
            for page in self._clients.graph.pages(query, CountRow, scope, deadline=self._deadline):
                if page.truncated or page.malformed:
                    return []
                counts.update((row.subscriptionId.lower(), row.rows) for row in page.rows)
        return [counts]

    def _tell_cspm(self, subscriptions: Sequence[str]) -> None:
        """Risk levels come from Defender CSPM (defender-api 2.8)."""
        risks = self._counts("risks", queries.RISKS, subscriptions)
        if risks is None:
            return
        off = [one for one in subscriptions if not risks.get(one)]
        self._desk.runs.update(self._fence, {"cspm_off": str(len(off))})
        if off:
            self._tell(
                "no_risk_levels",
                f"{len(off)} of {len(subscriptions)} subscriptions have no risk levels:"
                " Defender CSPM is off there.",
            )

    def _tell_shrunk(self, shrunk: Sequence[Shrunk]) -> None:
        if shrunk:
            before, now = sum(one.before for one in shrunk), sum(one.now for one in shrunk)
            self._tell(
                "scope_lost",
                f"{_count([one.unit for one in shrunk])} not read: of {before} findings {now} are left, as"
                " when a role is lost. Approve this run if that is right.",
            )

    # units

    def _put(
        self, planned: Sequence[Planned], shrunk: Sequence[Shrunk], unread: Sequence[UnitRecord]
    ) -> None:
        lost = [UnitRecord(one.unit, "failed", one.before, reason="scope_lost") for one in shrunk]
        failed = [*lost, *unread]
        records = [UnitRecord(one.unit, expected=max(0, one.expected)) for one in planned]
        desk, fence = self._desk, self._fence
        # A planner that died here may have put some: what became of them since must stay.
        known = {record.unit for record in desk.runs.units(fence.run)}
        desk.runs.put_units(fence, [one for one in (*records, *failed) if one.unit not in known])
        chains = [
            (one, Chain(fence.run, one.unit, part, one.parts)) for one in planned for part in range(one.parts)
        ]
        items = [Item(chain.id, -one.expected / one.parts, pack_chain(chain)) for one, chain in chains]
        desk.runs.update(fence, {"units_planned": str(len(records) + len(failed))})
        desk.flow.put(desk.connection, fence, "read", items)
        for record in failed:
            desk.flow.unit_ended(desk.connection, fence, record.unit)
        desk.runs.update(fence, {"planned": "1"})

    def _tell(self, reason: str, sentence: str) -> None:
        self._desk.runs.tell(self._fence.run, reason, sentence)
        self._stage.context.metrics.count(names.TASKS, self._stage.queue, "told", reason)


def _count(subscriptions: Sequence[str]) -> str:
    """`3 subscriptions are` or `1 subscription (00000000-...) is`."""
    some = len(subscriptions)
    return f"1 subscription ({subscriptions[0]}) is" if some == 1 else f"{some} subscriptions are"
