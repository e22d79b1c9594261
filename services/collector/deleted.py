"""Tickets that were deleted in ServiceNow: polling does not show them, so they are asked for once a day."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from common.http.deadline import Deadline
from common.identity import correlation_id
from common.model.group import GroupFacts
from common.model.link import Link, unpack_link
from common.servicenow.table import TableClient
from common.state import keys
from common.state.groups import Groups
from common.state.store import Fence, octets, raw
from services.collector.desk import Desk

EVERY_SECONDS = 24 * 3600
_SECONDS = 6 * 3600.0
_SOME = 500
_CHUNK = 100
# So many at once are a lost read right, or a restored instance: a person must look.
_MOST, _MOST_SHARE = 25, 0.05
_REGISTER = "deleted_checked"
_END = "end"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, str]).decode


class DeletedTickets:
    """The check of one run; it goes on where it was when it was parked."""

    def __init__(self, desk: Desk, fence: Fence, tables: TableClient) -> None:
        self._desk = desk
        self._fence = fence
        self._tables = tables
        self._found = keys.run(desk.connection, fence.run, "deleted")

    def missing(self, tables: Sequence[str]) -> Iterator[list[dict[str, str]]]:
        """Records `{sys_id, correlation_id, deleted}` of open links whose ticket is not there."""
        if not self._due():
            return
        self._ask(tables)
        found = [entry for entry in raw(self._desk.store.client.lrange(self._found, 0, -1)) if entry]
        checked = int(self._desk.runs.record(self._fence.run).get("deleted_asked", "0"))
        self._desk.register.update(self._fence, {_REGISTER: str(int(time.time()))})
        if len(found) > max(_MOST, checked * _MOST_SHARE):
            self._desk.runs.tell(
                self._fence.run,
                "tickets_vanished",
                f"{len(found)} of {checked} open tickets can't be seen any more: check the integration"
                " user's read rights. They were left alone.",
            )
            return
        records = [_decode(entry) for entry in dict.fromkeys(found)]
        for start in range(0, len(records), _CHUNK):
            yield records[start : start + _CHUNK]

    def _due(self) -> bool:
        last = int(self._desk.register.get(_REGISTER) or "0")
        record = self._desk.runs.record(self._fence.run)
        forced = record.get("check_deleted") == "1"
        return forced or "deleted_at" in record or time.time() - last >= EVERY_SECONDS

    def _ask(self, tables: Sequence[str]) -> None:
        """Walk over all links by SCAN, with the cursor in the run's record."""
        cursor = self._desk.runs.record(self._fence.run).get("deleted_at", "0")
        while cursor != _END:
            following, chunk = self._scan(int(cursor))
            links = {octets(group): unpack_link(octets(packed)) for group, packed in chunk.items()}
            for table in tables:
                self._ask_some({group: link for group, link in links.items() if link.table == table}, table)
            cursor = str(following) if following else _END
            self._desk.runs.update(self._fence, {"deleted_at": cursor})
            self._desk.register.progress()

    def _scan(self, cursor: int) -> tuple[int, dict[bytes, bytes]]:
        answer: Any = self._desk.store.client.hscan(keys.links(self._desk.connection), cursor, count=_SOME)
        return int(answer[0]), dict(answer[1])

    def _ask_some(self, links: Mapping[bytes, Link], table: str) -> None:
        wanted = {link.sys_id: group for group, link in links.items() if link.sys_id and not link.terminal}
        if not wanted:
            return
        there = self._tables.look_up(table, "sys_id", wanted, deadline=Deadline(_SECONDS))
        lost = {group: links[group] for sys_id, group in wanted.items() if sys_id not in there}
        self._desk.runs.add(self._fence.run, {"deleted_asked": len(wanted)})
        if lost:
            states = Groups(self._desk.store, self._desk.connection).get_many(list(lost))
            entries = [
                _encode(_missing(self._desk.connection, group, link, state.facts))
                for (group, link), state in zip(lost.items(), states, strict=True)
            ]
            self._desk.store.write(self._fence, self._desk.connection, "RPUSH", self._found, entries)
            self._desk.store.client.expire(self._found, EVERY_SECONDS)


def _missing(connection: str, group: bytes, link: Link, facts: GroupFacts | None) -> dict[str, str]:
    """What the mapper is told of a ticket that is not there; its correlation_id names the group."""
    digest = facts.identity if facts is not None else group.ljust(16, b"\0")
    return {
        "sys_id": link.sys_id,
        "correlation_id": correlation_id(connection, link.table, digest, link.generation),
        "deleted": "true",
    }
