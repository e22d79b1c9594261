"""Reading our tickets: one keyset read a run, on ServiceNow's clock (promises 7 and 8)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

import msgspec
import zstandard

from common.errors import Fatal
from common.http.deadline import Deadline
from common.runtime.drain import Lease
from common.servicenow.changes import Mark
from common.servicenow.records import Record
from common.state.queue import Claimed, Item
from common.state.store import Fence
from services.collector.deleted import DeletedTickets
from services.collector.desk import Desk
from services.collector.instance import read_instance
from services.collector.ports import Clients
from services.collector.stage import CollectorStage

TABLES = ("incident",)
OVERLAP = timedelta(minutes=10)
PAGE = 500
FIELDS = (
    "sys_id",
    "number",
    "state",
    "active",
    "sys_mod_count",
    "sys_updated_on",
    "sys_updated_by",
    "sys_created_on",
    "correlation_id",
    "correlation_display",
    "short_description",
    "description",
    "impact",
    "urgency",
    "priority",
    "assigned_to",
    "assignment_group",
    "hold_reason",
    "close_code",
    "resolved_at",
    "parent_incident",
)
_SECONDS = 6 * 3600.0  # every request has its own time-out; the lease is renewed meanwhile
_encode = msgspec.msgpack.Encoder().encode


class Place(msgspec.Struct, frozen=True):
    """How far this run has read: pages put so far, and where in which table. Survives a restart."""

    pages: int = 0
    table: int = 0
    updated_on: str = ""
    sys_id: str = ""
    done: bool = False


_place = msgspec.json.Decoder(Place).decode


class Tickets(CollectorStage):
    """Stage `tickets`: pages of records for the mapper, then the run's fields that close the reading."""

    queue = "tickets"
    side: ClassVar[str] = "servicenow"

    def work(self, desk: Desk, fence: Fence, item: Claimed, lease: Lease) -> None:
        del lease
        record = desk.runs.record(fence.run)
        if record.get("tickets_read") == "1":
            return
        clients = self.context.clients.of(desk.connection)
        place = _place(record["tickets_place"]) if record.get("tickets_place") else Place()
        if place == Place():
            user = self.context.configured(desk.connection).servicenow.user.read().get_secret_value()
            read_instance(desk, fence, user, clients.tables)
        while not place.done:
            place = self._read_table(desk, fence, clients, place)
            desk.went_on(fence.run, self.name_of(item))
        pages = place.pages
        if record.get("mode") != "plan":
            check = DeletedTickets(desk, fence, clients.tables)
            for records in check.missing(TABLES):
                self._put(desk, fence, pages, records)
                pages += 1
        self._close(desk, fence, pages)

    def give_up(self, desk: Desk, fence: Fence, item: Claimed, error: Fatal) -> None:
        del item
        self.fail_run(desk, fence, error.reason, f"The tickets could not be read: {error}")

    def _read_table(self, desk: Desk, fence: Fence, clients: Clients, place: Place) -> Place:
        """Read the rest of one table."""
        table = TABLES[place.table]
        mark, overlap = self._since(desk, fence, table, place)
        pages = clients.tables.changed_since(
            table,
            f"isth:{desk.connection}:{table}:",
            mark,
            overlap,
            PAGE,
            fields=FIELDS,
            deadline=Deadline(_SECONDS),
        )
        for page in pages:
            self._put(desk, fence, place.pages, page.records)
            place = Place(place.pages + 1, place.table, page.mark.updated_on, page.mark.sys_id)
            self._note(desk, fence, place)
        if place.updated_on:
            name = "tickets_mark" if place.table == 0 else f"tickets_mark:{table}"
            desk.runs.update(fence, {name: f"{place.updated_on}|{place.sys_id}"})
        place = Place(place.pages, place.table + 1, done=place.table + 1 >= len(TABLES))
        self._note(desk, fence, place)
        return place

    def _since(self, desk: Desk, fence: Fence, table: str, place: Place) -> tuple[Mark | None, timedelta]:
        """Where to go on: this run's own place, else the mark less the overlap, else the beginning."""
        if place.updated_on:
            return Mark(place.updated_on, place.sys_id), timedelta(0)
        if not desk.register.links_rebuilt(fence.epoch):
            return None, OVERLAP
        known = desk.register.mark(table)
        return (Mark(*known), OVERLAP) if known else (None, OVERLAP)

    def _note(self, desk: Desk, fence: Fence, place: Place) -> None:
        desk.runs.update(fence, {"tickets_place": msgspec.json.encode(place).decode()})
        desk.register.progress()

    def _put(self, desk: Desk, fence: Fence, number: int, records: Sequence[Record]) -> None:
        body = zstandard.ZstdCompressor(level=1).compress(_encode([dict(record) for record in records]))
        desk.flow.put(desk.connection, fence, "observe", [Item(str(number).encode(), number, body)])

    def _close(self, desk: Desk, fence: Fence, pages: int) -> None:
        """Say how many pages there are, then put a last, empty one: whoever ends it sees the fields."""
        desk.runs.update(fence, {"tickets_pages": str(pages + 1), "tickets_read": "1"})
        self._put(desk, fence, pages, [])
        desk.flow.advance(desk.connection, fence)
