"""How an order ended: what is to be recorded of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from common.model.decision import OUTCOME_OF, Kind, Outcome
from common.model.link import Link
from common.servicenow.records import Record
from services.servicenow_writer.jobs import Job
from services.servicenow_writer.linking import link_adopted, link_deleted, link_kept, link_written
from services.servicenow_writer.readback import Deviation, deviations
from services.servicenow_writer.verdicts import (
    ALREADY_THERE,
    DELETED_BY_PERSON,
    Leave,
    Send,
)

Relink = Callable[[Link | None], Link | None]
STATE_NOT_TAKEN = "state_not_taken"


@dataclass(frozen=True, slots=True)
class Ending:
    """`relink` makes the new link out of the present one; `record` is what was written or found.

    `dirty` groups are decided again in the next run; until `settled`, an attempt may be under way.
    """

    job: Job
    outcome: Outcome
    reason: str
    relink: Relink | None = None
    record: Record | None = None
    sentence: str = ""
    dirty: bool = False
    wrote: bool = False
    settled: bool = True
    deviations: Sequence[Deviation] = field(default=())

    @property
    def number(self) -> str:
        return self.record.get("number", "") if self.record is not None else ""


def written(job: Job, send: Send, record: Record, now: int) -> Ending:
    """A write was answered with the record as stored."""
    return _done(job, record, send.kept, deviations(send.fields, record, send.before), now)


def landed(job: Job, record: Record, kept: Mapping[str, str], now: int, user: str) -> Ending:
    """An earlier write was found to have been carried out; `user` is ours."""
    return _done(job, record, kept, (), now, user)


def _done(
    job: Job,
    record: Record,
    kept: Mapping[str, str],
    found: Sequence[Deviation],
    now: int,
    user: str = "",
) -> Ending:
    order = job.order
    refused = any(deviation.field == "state" for deviation in found) and order.kind != Kind.CREATE

    def relink(link: Link | None) -> Link:
        return link_written(order, link, record, kept, now, user)

    return Ending(
        job,
        Outcome.HELD if refused else OUTCOME_OF[Kind(order.kind)],
        STATE_NOT_TAKEN if refused else order.reason,
        relink,
        record,
        sentence=f"{record.get('number', 'A ticket')} did not take state {order.fields.get('state')}."
        if refused
        else "",
        wrote=True,
        deviations=found,
    )


def adopted(job: Job, record: Record, now: int, user: str) -> Ending:
    """The ticket was there with another stamp: linked as it is, and decided again."""

    def relink(link: Link | None) -> Link:
        return link_adopted(job.order, link, record, now=now, user=user)

    return Ending(job, Outcome.UNCHANGED, ALREADY_THERE, relink, record, dirty=True)


def left(job: Job, leave: Leave) -> Ending:
    """Nothing was written, rightly."""

    def relink(link: Link | None) -> Link | None:
        return link_kept(job.order, link, leave.kept) if link is not None and leave.kept else link

    return Ending(job, leave.outcome, leave.reason, relink, dirty=leave.dirty)


def deleted(job: Job) -> Ending:
    """The ticket is gone."""

    def relink(link: Link | None) -> Link:
        return link_deleted(job.order, link)

    return Ending(job, Outcome.HELD, DELETED_BY_PERSON, relink, dirty=True)


def held(job: Job, reason: str, sentence: str) -> Ending:
    """Not now, and not by trying again: the next run decides again."""
    return Ending(job, Outcome.HELD, reason, sentence=sentence, dirty=True, settled=False)


def dead(job: Job, reason: str, sentence: str) -> Ending:
    """A dead letter."""
    return Ending(job, Outcome.DEAD, reason, sentence=sentence)


def audit_entry(ending: Ending, run: str, now: int) -> Mapping[str, object]:
    """One write, for the audit."""
    order = ending.job.order
    return {
        "at": now,
        "run": run,
        "rule": order.rule,
        "group": order.group,
        "table": order.table,
        "number": ending.number,
        "sys_id": ending.record.get("sys_id", "") if ending.record is not None else "",
        "kind": order.kind,
        "reason": order.reason,
        "seq": order.seq,
        "fields": sorted(order.fields),
    }


def dead_letter(ending: Ending) -> Mapping[str, object]:
    """What is kept of an order that can't succeed without a person."""
    order = ending.job.order
    history = [f"{order.attempts} attempts before, first {order.first_error}"] if order.first_error else []
    return {
        "order": msgspec.to_builtins(order),
        "reason": ending.reason,
        "sentence": ending.sentence,
        "history": history,
    }
