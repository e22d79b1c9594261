"""The link after a write, after a landed one, and after one that was left. Pure."""

from collections.abc import Mapping

import msgspec

from common.model.decision import Kind, Order
from common.model.link import Link
from common.servicenow.records import Record
from services.servicenow_writer.stamps import owned_digests, stamp_on

RESOLVED = "6"
_CLOSED = (RESOLVED, "7", "8")


def link_written(
    order: Order,
    link: Link | None,
    record: Record,
    kept: Mapping[str, str],
    now: int,
    user: str = "",
) -> Link:
    """The link once `record` is what our write left: new digests, sequence, facts and times.

    With `user` (ours) the write was found, not answered: somebody may have closed the ticket since.

    What was sent leaves `base`: the next poll settles it, when business rules have run (promise 7). `kept`
    fields are a person's from now on, on the base of what stands there.
    """
    before = _before(order, link)
    sent = {name: value for name, value in order.fields.items() if name not in kept}
    state = record.get("state") or sent.get("state") or before.state
    return msgspec.structs.replace(
        _seen(before, record),
        seq=order.seq,
        rule=order.rule,
        state=state,
        wrote={**before.wrote, **owned_digests(sent)},
        base={name: digest for name, digest in before.base.items() if name not in sent} | dict(kept),
        edited=_more(before.edited, kept),
        closed_by_person=order.kind not in (Kind.REOPEN, Kind.RESOLVE)
        and _closed_by_person(before, record, user),
        deleted=False,
        facts=order.facts,
        members=order.members,
        open=order.open,
        worst=order.worst,
        active=state not in ("7", "8") and (before.active or state in ("1", "2", "3")),
        created_at=before.created_at or now,
        written_at=now,
        noted_on=now if order.note else before.noted_on,
        resolved_at=_resolved_at(before, state, now),
        parent=order.parent or before.parent,
    )


def link_adopted(order: Order, link: Link | None, record: Record, *, now: int, user: str) -> Link:
    """The link of a ticket that was there already, by its stamp; without facts, so it is decided again."""
    before = _before(order, link)
    stamp = stamp_on(record)
    wrote = dict(stamp.fields) if stamp else {}
    state = record.get("state") or before.state
    return msgspec.structs.replace(
        _seen(before, record),
        seq=stamp.seq if stamp else max(order.seq - 1, 0),
        rule=order.rule,
        state=state,
        closed_by_person=_closed_by_person(before, record, user),
        resolved_at=_resolved_at(before, state, now),
        wrote=wrote,
        base={},
        members=stamp.members if stamp else 0,
        facts="",
        created_at=before.created_at or now,
        parent=order.parent or before.parent,
    )


def link_kept(order: Order, link: Link, kept: Mapping[str, str]) -> Link:
    """All of it is a person's: nothing was written; with the facts noted, it is not rendered again."""
    return msgspec.structs.replace(
        link,
        edited=_more(link.edited, kept),
        base={**link.base, **kept},
        facts=order.facts,
        members=order.members,
        open=order.open,
        worst=order.worst,
    )


def link_deleted(order: Order, link: Link | None) -> Link:
    return msgspec.structs.replace(_before(order, link), deleted=True, active=False)


def _before(order: Order, link: Link | None) -> Link:
    if link is not None and (link.table, link.generation) == (order.table, order.generation):
        return link
    return Link(order.table, order.sys_id, "", order.generation, 0, order.rule)


def _seen(before: Link, record: Record) -> Link:
    """What any read of the ticket tells; absent fields are unknown, not empty."""
    count = record.get("sys_mod_count", "")
    return msgspec.structs.replace(
        before,
        sys_id=record.get("sys_id") or before.sys_id,
        number=record.get("number") or before.number,
        active=record.get("active", "true") == "true",
        assigned=bool(record["assigned_to"]) if "assigned_to" in record else before.assigned,
        hold_reason=record.get("hold_reason", before.hold_reason),
        close_code=record.get("close_code", before.close_code),
        mod_count=int(count) if count.isdecimal() else before.mod_count,
        updated_on=record.get("sys_updated_on") or before.updated_on,
    )


def _resolved_at(before: Link, state: str, now: int) -> int:
    """When it was last resolved; stays when it is opened again."""
    return now if state in _CLOSED and before.state not in _CLOSED else before.resolved_at


def _closed_by_person(before: Link, record: Record, user: str) -> bool:
    """Whether a ticket that we came upon was closed by somebody else since we last knew of it."""
    if user and record.get("state") in _CLOSED and before.state not in _CLOSED:
        return record.get("sys_updated_by", user) != user
    return before.closed_by_person


def _more(edited: tuple[str, ...], kept: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted({*edited, *kept}))
