"""A connection's schedule as Celery beat wants it, and the messages that its slots stand for.

Everything here follows from the clock: a second beat, or a restarted one, sends the same run ids, and the
collector knows them already. So beat needs no file of its own.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from celery.schedules import BaseSchedule, schedstate

from common.messages import StartRun, run_id
from common.settings.schedule import Schedule

WHO = "scheduler"
# A start that beat asks for within one such span has one run id, however many beats start.
_START_SPAN_SECONDS = 60


class Slots(BaseSchedule):  # type: ignore[misc] # celery has no types
    """Due once for every slot of a Schedule."""

    def __init__(self, slots: Schedule, nowfun: Callable[[], datetime] | None = None) -> None:
        super().__init__(nowfun=nowfun or (lambda: datetime.now(UTC)))
        self.slots = slots

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Whether a slot has passed since `last_run_at`, and the seconds to the next."""
        now = self.now()
        due = self.slots.previous(now) > last_run_at
        return schedstate(due, (self.slots.following(now) - now).total_seconds())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slots) and other.slots == self.slots

    def __hash__(self) -> int:
        return hash(self.slots)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.slots,)


def at_slot(connection: str, slots: Schedule, now: datetime) -> StartRun:
    """The run of the slot that has just come."""
    slot = slots.previous(now)
    return StartRun(
        connection=connection,
        mode="live",
        run=run_id(slot, f"{connection}|{slots.text}"),
        requested_by=WHO,
        reason=f"schedule {slots.text}",
    )


def again(connection: str, slots: Schedule, now: datetime) -> StartRun:
    """The slot's run once more, since a message may be lost; void when begun, or a good run is younger."""
    slot = int(slots.previous(now).timestamp())
    return at_slot(connection, slots, now).model_copy(update={"unless_good_since": slot})


def at_start(connection: str, slots: Schedule, now: datetime) -> StartRun:
    """The run that makes up for a missed slot: void when a good run is younger than the slot.

    The id differs from the slot's own, since that run may have been tried and failed.
    """
    slot = int(slots.previous(now).timestamp())
    moment = int(now.timestamp()) // _START_SPAN_SECONDS * _START_SPAN_SECONDS
    return StartRun(
        connection=connection,
        mode="live",
        run=run_id(datetime.fromtimestamp(moment, UTC), f"{connection}|{slots.text}|start"),
        requested_by=WHO,
        reason=f"missed schedule {slots.text}",
        unless_good_since=slot,
    )
