"""Reading the worst rows of groups again, when their tickets are about to be written."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import zstandard

from common.azure import kql
from common.azure.resource_graph import Scope
from common.azure.rows import AssessmentRow
from common.errors import Fatal
from common.http.deadline import Deadline
from common.identity import GROUP_BYTES, normalise
from common.model.decision import Outcome
from common.rules.ruleset import RuleSet
from common.runtime.drain import Lease
from common.state import keys
from common.state.csv_files import ROWS_AT_MOST, CsvFiles
from common.state.groups import Groups
from common.state.links import Links
from common.state.queue import Claimed, Item
from common.state.store import Fence
from common.state.units import Units
from services.collector.desk import Desk
from services.collector.instance import resolve_groups, rules_of
from services.collector.scope import chunks
from services.collector.stage import CollectorStage
from services.collector.tags import TagReader, inherited, queries_at_most, subscription_in

SHOWN = 25
_TTL = 3600
_SECONDS = 600.0
_Row = dict[str, Any]


def groups_in(body: bytes) -> list[bytes]:
    """The 8-byte group ids of a chunk."""
    return [body[at : at + GROUP_BYTES] for at in range(0, len(body), GROUP_BYTES)]


class Rows(CollectorStage):
    """Stage `rows`: one item is a chunk of groups; leaves `{group: [rows]}` for the mapper's `render`."""

    queue = "rows"

    def work(self, desk: Desk, fence: Fence, item: Claimed, lease: Lease) -> None:
        del lease
        chunk, groups = item.id.decode(), groups_in(item.body)
        units = Units(desk.store, desk.connection)
        members = {group: units.sample_ids(group, SHOWN) for group in groups}
        found = self._rows(desk, fence, chunk, [one for ids in members.values() for one in ids])
        rules = rules_of(desk, fence.run)
        self._put_csv_rows(desk, fence, rules, groups)
        if rules.needs_tags:
            self._add_tags(desk, fence, chunk, rules, found)
        blob = {
            group: [found[key] for key in map(normalise, ids) if key in found]
            for group, ids in members.items()
        }
        packed = zstandard.ZstdCompressor(level=1).compress(msgspec.msgpack.encode(blob))
        desk.store.client.set(keys.run(desk.connection, fence.run, f"rows:{chunk}"), packed, ex=_TTL)
        desk.flow.put(desk.connection, fence, "render", [Item(item.id, 0, item.body)])
        desk.forget(fence.run, f"rows:{chunk}", len(groups) * SHOWN // kql.IDS_AT_ONCE + 1)
        desk.forget(fence.run, f"tags:{chunk}", queries_at_most(len(found)))

    def _put_csv_rows(self, desk: Desk, fence: Fence, rules: RuleSet, groups: Sequence[bytes]) -> None:
        """Read all members of groups whose new ticket lists more than it shows; one group at a time."""
        units, files = Units(desk.store, desk.connection), CsvFiles(desk.store, desk.connection, fence.run)
        linked = Links(desk.store, desk.connection).get_many(groups)
        states = Groups(desk.store, desk.connection).get_many(groups)
        for group, state in zip(groups, states, strict=True):
            rule = rules.get(state.facts.rule) if state.facts else None
            link = linked.get(group)
            if rule is None or rule.ticket.rest != "attachment_csv":
                continue
            # A ticket that is over gets a successor, if anything: a new ticket as any other.
            if (link is not None and link.holds_findings) or files.known(group):
                continue
            if state.aggregate.open > min(rule.ticket.shown, SHOWN):
                ids = units.sample_ids(group, ROWS_AT_MOST)
                memos = f"csv:{group.hex()}"
                found = self._rows(desk, fence, memos, ids)
                files.put_rows(group, [found[key] for key in map(normalise, ids) if key in found])
                desk.forget(fence.run, f"rows:{memos}", len(ids) // kql.IDS_AT_ONCE + 1)

    def give_up(self, desk: Desk, fence: Fence, item: Claimed, error: Fatal) -> None:
        """The groups are held; they stay dirty, so the next run decides them again."""
        groups = groups_in(item.body)
        desk.runs.tell(
            fence.run, error.reason, f"The rows of {len(groups)} groups could not be read again: {error}"
        )
        desk.runs.annotate(fence.run, {"troubled": "1"})
        desk.runs.outcomes(fence, [(group, Outcome.HELD, error.reason) for group in groups])
        desk.flow.advance(desk.connection, fence)

    def _rows(self, desk: Desk, fence: Fence, chunk: str, ids: Iterable[str]) -> dict[str, _Row]:
        """Rows by lower-case id; what is not there any more is left out."""
        found: dict[str, _Row] = {}
        wanted = sorted(dict.fromkeys(map(normalise, ids)))
        for number, some in enumerate(chunks(wanted, kql.IDS_AT_ONCE)):
            name = f"rows:{chunk}:{number}"
            rows = desk.memo(fence.run, name, list[AssessmentRow], partial(self._ask, desk, some))
            found.update((normalise(row.id), msgspec.structs.asdict(row)) for row in rows if row.id)
        return found

    def _ask(self, desk: Desk, ids: Sequence[str]) -> list[AssessmentRow]:
        scope = Scope(subscriptions=sorted({subscription_in(one) for one in ids} - {""}))
        graph = self.context.clients.of(desk.connection).graph
        return graph.rows_by_id(ids, AssessmentRow, scope, deadline=Deadline(_SECONDS))

    def _add_tags(
        self, desk: Desk, fence: Fence, chunk: str, rules: RuleSet, found: Mapping[str, _Row]
    ) -> None:
        """Put `tags` into rows, and make the assignment groups known that they name."""
        resources = {key: _resource(key, row) for key, row in found.items()}
        clients = self.context.clients.of(desk.connection)
        reader = TagReader(clients.graph, rules.tag_names)
        tags = reader.of(resources.values(), desk, fence.run, f"tags:{chunk}")
        for key, row in found.items():
            row["tags"] = inherited(resources[key], tags)
        assigning = {name for rule in rules.rules for name in rule.tags_to_assign}
        wanted = {row["tags"].get(name, "") for row in found.values() for name in assigning}
        resolve_groups(desk, wanted, clients.tables)


def _resource(key: str, row: Mapping[str, Any]) -> str:
    """The ARM id of a row's resource, else the scope of the assessment itself."""
    named = normalise(str(row.get("resourceId") or ""))
    return named if subscription_in(named) else key.partition("/providers/microsoft.security/assessments/")[0]
