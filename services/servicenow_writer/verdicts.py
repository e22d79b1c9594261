"""What to do with an order, given what stands in ServiceNow now. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from common.identity import STAMPED_FIELDS, field_digest
from common.model.decision import Order, Outcome
from common.model.link import Link
from common.servicenow.records import Record
from services.servicenow_writer.stamps import landed, overtaken, stamp_for

TERMINAL = ("7", "8")
CHANGED_MEANWHILE = "changed_meanwhile"
EDITED_BY_PERSON = "edited_by_person"
DELETED_BY_PERSON = "deleted_by_person"
ALREADY_THERE = "already_there"
SYS_ID_TAKEN = "sys_id_taken"


@dataclass(frozen=True, slots=True)
class Send:
    """Send `fields`. `before` is the ticket as it was.

    `kept` are the owned fields that a person edited, with the digests of what stands there.
    """

    fields: Mapping[str, str]
    kept: Mapping[str, str] = field(default_factory=dict)
    before: Record | None = None


@dataclass(frozen=True, slots=True)
class Landed:
    """An earlier attempt was carried out; `record` is what it left."""

    record: Record
    kept: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Adopt:
    """The ticket exists and bears another stamp than this order's: take it as it is."""

    record: Record


@dataclass(frozen=True, slots=True)
class Leave:
    """Write nothing. `dirty`: the next run decides again; `kept` as in Send."""

    outcome: Outcome
    reason: str
    dirty: bool = False
    kept: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refuse:
    """Can't succeed without a person."""

    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Not there, but an earlier attempt may still be carried out for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Absent:
    """The ticket of an update was not found: deleted, or not to be seen."""


Verdict = Send | Landed | Adopt | Leave | Refuse | Wait | Absent


def judge_create(order: Order, found: Sequence[Record], wait: float) -> Verdict:
    """`found` are the records with the order's correlation_id or sys_id; `wait` > 0 while unsettled."""
    ours = [record for record in found if record.get("correlation_id") == order.correlation_id]
    if ours:
        ticket = oldest(ours)
        return Landed(ticket) if landed(order, ticket) else Adopt(ticket)
    for record in found:
        if "correlation_id" not in record:
            return Refuse(
                "key_column_unreadable",
                f"ServiceNow does not show {order.table}.correlation_id: grant read access to it.",
            )
        return Refuse(
            SYS_ID_TAKEN,
            f"The sys_id {order.sys_id} of {order.correlation_id} belongs to a record with another"
            f" correlation_id ({record.get('number', 'no number')}): restore that, or delete the record.",
        )
    if wait > 0:
        return Wait(wait)
    return Send(_creation(order))


def judge_update(
    order: Order, record: Record | None, link: Link | None, wait: float, our_user: str
) -> Verdict:
    """`record` is the ticket as it stands; `link` what is known of it; `our_user` our user_name."""
    if record is None:
        return Absent()
    kept = edited_fields(order, record, link, our_user)
    if landed(order, record, frozenset(kept)):
        return Landed(record, kept)
    if wait > 0:
        return Wait(wait)
    state = record.get("state", order.expect_state)
    moved = bool(order.expect_state) and state != order.expect_state
    if moved or state in TERMINAL or overtaken(order, record):
        return Leave(Outcome.UNCHANGED, CHANGED_MEANWHILE, dirty=True)
    rest = {name: value for name, value in order.fields.items() if name not in kept}
    if not rest and not order.note:
        return Leave(Outcome.UNCHANGED, EDITED_BY_PERSON, kept=kept)
    return Send(_change(order, link, rest), kept, record)


def edited_fields(order: Order, record: Record, link: Link | None, our_user: str) -> dict[str, str]:
    """The owned fields of the order that somebody else changed since our last write -> present digests.

    A value that our own user left there last is a business rule's work, or ours, and no person's (promise 6).
    """
    if link is None or record.get("sys_updated_by", our_user) == our_user:
        return {}
    kept = {}
    for name in STAMPED_FIELDS:
        known = link.base.get(name) or link.wrote.get(name)
        if name not in order.fields or name not in record or known is None:
            continue
        present = field_digest(record[name])
        if present not in (known, field_digest(order.fields[name])):
            kept[name] = present
    return kept


def oldest(records: Sequence[Record]) -> Record:
    """Of several tickets with one correlation_id the one that was there first."""
    return min(records, key=lambda record: (record.get("sys_created_on", ""), record.get("number", "")))


def _creation(order: Order) -> dict[str, str]:
    marks = {
        "sys_id": order.sys_id,
        "correlation_id": order.correlation_id,
        "correlation_display": stamp_for(order, None, order.fields).text(),
    }
    return {**order.fields, **marks, **_note(order)}


def _change(order: Order, link: Link | None, rest: Mapping[str, str]) -> dict[str, str]:
    return {**rest, "correlation_display": stamp_for(order, link, rest).text(), **_note(order)}


def _note(order: Order) -> dict[str, str]:
    return {"work_notes": order.note} if order.note else {}
