"""Reading the tags that decide which rule takes a unit's findings, before the unit is mapped."""

import msgspec

from common.errors import Fatal
from common.runtime.drain import Lease
from common.state.directory import subscription_of
from common.state.pages import Pages
from common.state.queue import Claimed, Item
from common.state.runs import UnitRecord
from common.state.store import Fence
from common.state.unit_tags import UnitTags
from services.collector.desk import Desk
from services.collector.instance import rules_of
from services.collector.stage import CollectorStage
from services.collector.tags import TagReader, inherited, queries_at_most


class ReadTags(CollectorStage):
    """Stage `tags`: one item is a unit; leaves tags by resource, then a `map` item."""

    queue = "tags"

    def work(self, desk: Desk, fence: Fence, item: Claimed, lease: Lease) -> None:
        del lease
        unit = item.id.decode()
        record = desk.runs.unit(fence.run, unit)
        if record is None or record.ended:
            return
        tags = UnitTags(desk.store, desk.connection, fence.run, unit)
        wanted = tags.wanted()
        names = {name for rule in rules_of(desk, fence.run).rules for name in rule.tags_to_match}
        reader = TagReader(self.context.clients.of(desk.connection).graph, names)
        memos = f"unit_tags:{unit}"
        found = reader.of(wanted, desk, fence.run, memos)
        tags.put({resource: own for resource in wanted if (own := inherited(resource, found))})
        desk.flow.put(desk.connection, fence, "map", [Item(item.id, 0, record.attempt.encode())])
        desk.forget(fence.run, memos, queries_at_most(len(wanted)))

    def give_up(self, desk: Desk, fence: Fence, item: Claimed, error: Fatal) -> None:
        unit = item.id.decode()
        record = desk.runs.unit(fence.run, unit) or UnitRecord(unit)
        Pages(desk.store, desk.connection, fence.run, unit, record.attempt).drop()
        UnitTags(desk.store, desk.connection, fence.run, unit).drop()
        desk.runs.put_units(fence, [msgspec.structs.replace(record, state="failed", reason=error.reason)])
        desk.runs.tell(
            fence.run, error.reason, f"Tags of subscription {subscription_of(unit)} were not read: {error}"
        )
        desk.flow.unit_ended(desk.connection, fence, unit)
