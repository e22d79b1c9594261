"""The answer table: what an answer to a write asks for. Pure.

| answered | may have been carried out | then |
|---|---|---|
| success with a record | yes | WROTE |
| refused for good (403, 404, unreadable body) | perhaps (servicenow-api 0#4) | LOOK at once: it is over |
| 5xx, cut off, no answer | perhaps, or still will be | UNCLEAR: leave it alone, look, then decide |
| 429, no permit, never sent | no | LATER |
| refused before it was tried (400) | no | DEAD |
| sign-in refused | no | STOP: the whole connection |
"""

from dataclasses import dataclass
from enum import StrEnum

from common.errors import Park, Retry, SyncError
from common.http.errors import HttpError
from common.servicenow.batch import BatchAnswer, ItemAnswer
from common.servicenow.records import Record

SIGNIN_REFUSED = "signin_refused"
_LATER_SECONDS = 5.0
_HARMLESS = frozenset(("no_record",))  # 404: read once more before it is believed


class Next(StrEnum):
    WROTE = "wrote"
    LOOK = "look"
    UNCLEAR = "unclear"
    LATER = "later"
    AGAIN = "again"
    DEAD = "dead"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Read:
    """An answer as judged. `record` for WROTE; `seconds` for LATER.

    `blames` says that the request itself may be at fault, so that attempts are counted.
    """

    next: Next
    reason: str = ""
    sentence: str = ""
    record: Record | None = None
    seconds: float = 0.0
    semaphore: bool = False
    blames: bool = False


NOT_SERVICED = Read(Next.AGAIN, "unserviced", "The batch ran out of time before this request.")
NOT_NAMED = Read(Next.UNCLEAR, "answer_lost", "The batch's answer does not name this request.", blames=True)


def read_item(answer: ItemAnswer) -> Read:
    """Judge one item of a batch."""
    try:
        record = answer.record()
    except SyncError as error:
        return read_error(error)
    if not record.get("sys_id"):
        return Read(
            Next.LOOK, "malformed_answer", "ServiceNow answered a write with a record without sys_id."
        )
    return Read(Next.WROTE, record=record)


def read_batch(answer: BatchAnswer, item_id: str) -> Read:
    """Judge one item by the whole batch's answer."""
    if item_id in answer.serviced:
        return read_item(answer.serviced[item_id])
    return NOT_SERVICED if item_id in answer.unserviced else NOT_NAMED


def read_error(error: SyncError) -> Read:
    """Judge an error, of an item or of a whole request."""
    acted = isinstance(error, HttpError) and error.acted
    return Read(
        _next(error, acted=acted),
        error.reason,
        str(error),
        seconds=error.seconds if isinstance(error, Park) else _LATER_SECONDS,
        semaphore=bool(getattr(error, "semaphore", False)),
        blames=not isinstance(error, Park),
    )


def _next(error: SyncError, *, acted: bool) -> Next:
    if error.reason == SIGNIN_REFUSED:
        return Next.STOP
    soon = isinstance(error, (Retry, Park))
    if acted:
        return Next.UNCLEAR if soon else Next.LOOK
    if error.reason in _HARMLESS:
        return Next.LOOK
    return Next.LATER if soon else Next.DEAD
