"""Orders, links and records for the writer's unit tests."""

from typing import Any

import msgspec

from common.identity import field_digest
from common.model.decision import Kind, Order
from common.model.link import Link
from common.state.queue import Claimed
from services.servicenow_writer.jobs import Job
from services.servicenow_writer.stamps import stamp_for

US, PERSON = "isthmus.integration", "abel.tuter"
SYS_ID = "0123456789abcdef0123456789abcdef"
CORRELATION = "isth:demo:incident:aaaaaaaaaaaaaaaaaaaaaaaaaa:1"


def order(**changes: Any) -> Order:
    """A create, or with `kind` something else."""
    made = Order(
        group="0011223344556677",
        kind=Kind.CREATE,
        reason="new_findings",
        epoch="e",
        run="r",
        connection="demo",
        table="incident",
        sys_id=SYS_ID,
        correlation_id=CORRELATION,
        generation=1,
        seq=1,
        rule="critical",
        fields={"short_description": "Fix it", "urgency": "2"},
        members=2,
        open=2,
        worst=3,
        facts="f1",
        member_digest="0000abcd",
    )
    return msgspec.structs.replace(made, **changes)


def update(**changes: Any) -> Order:
    """The second order on the ticket of `link()`."""
    base: dict[str, Any] = {
        "kind": Kind.UPDATE,
        "seq": 2,
        "expect_state": "1",
        "fields": {"short_description": "Fix it now"},
        "facts": "f2",
    }
    return order(**(base | changes))


def link(**changes: Any) -> Link:
    """The link after `order()` was created and settled."""
    digests = {"short_description": field_digest("Fix it"), "urgency": field_digest("2")}
    made = Link("incident", SYS_ID, "INC1", 1, 1, "critical", wrote=digests, base=digests, mod_count=0)
    return msgspec.structs.replace(made, **changes)


def record(of: Order, before: Link | None = None, **changes: str) -> dict[str, str]:
    """The ticket as `of` leaves it."""
    left = {
        "sys_id": of.sys_id,
        "number": "INC1",
        "state": "1",
        "active": "true",
        "sys_mod_count": "0",
        "sys_updated_on": "2026-11-23 02:00:00",
        "sys_updated_by": US,
        "correlation_id": of.correlation_id,
        "correlation_display": stamp_for(of, before, of.fields).text(),
        "assigned_to": "",
        **of.fields,
    }
    return left | changes


def job(of: Order) -> Job:
    return Job(Claimed(bytes.fromhex(of.group), "0" * 16, msgspec.msgpack.encode(of)), of)
