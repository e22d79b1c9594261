"""Claimed orders: decoded, checked, and rewritten when they are put off."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from common.identity import CORRELATION_LIMIT
from common.model.decision import Kind, Order
from common.state.queue import Claimed

_decoder = msgspec.msgpack.Decoder(Order)
_encoder = msgspec.msgpack.Encoder()
_SYS_ID = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_WORD = re.compile(r"[\w.:@-]+")
_ERROR_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed order; its group's 8 bytes are the item's id."""

    item: Claimed
    order: Order

    @property
    def group(self) -> bytes:
        return self.item.id

    @property
    def creates(self) -> bool:
        return self.order.kind == Kind.CREATE

    @property
    def leaves_a_trace(self) -> bool:
        """Whether doing it twice shows: a second ticket, or a note that stands twice (servicenow-api 1.8)."""
        return self.creates or bool(self.order.note)


@dataclass(frozen=True, slots=True)
class Malformed:
    """An item that is no order, and why."""

    item: Claimed
    sentence: str


@dataclass(slots=True)
class Opened:
    jobs: list[Job] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)


def open_items(items: Iterable[Claimed]) -> Opened:
    """Decode items; what is no valid order is set apart, so that it can't spoil its batch."""
    opened = Opened()
    for item in items:
        try:
            order = _decoder.decode(item.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            opened.malformed.append(Malformed(item, f"The order can't be read: {error}."[:_ERROR_LENGTH]))
            continue
        if wrong := _wrong(order):
            opened.malformed.append(Malformed(item, f"The order's {wrong} is not usable."))
        else:
            opened.jobs.append(Job(item, order))
    return opened


def _wrong(order: Order) -> str:
    """The name of the first field that could spoil a query or a URL; "" for a sound order."""
    if not _NAME.fullmatch(order.table):
        return "table"
    if not _SYS_ID.fullmatch(order.sys_id):
        return "sys_id"
    if len(order.correlation_id) > CORRELATION_LIMIT or not _WORD.fullmatch(order.correlation_id):
        return "correlation_id"
    if order.kind not in _WRITING:
        return "kind"
    if not all(_NAME.fullmatch(name) for name in order.fields):
        return "fields"
    return ""


_WRITING = frozenset(kind.value for kind in Kind if kind.writes)


def put_off(order: Order, reason: str, sentence: str) -> bytes:
    """The order's body for another attempt, with the first error kept for a dead letter's history."""
    first = order.first_error or f"{reason}: {sentence}"[:_ERROR_LENGTH]
    return _encoder.encode(msgspec.structs.replace(order, attempts=order.attempts + 1, first_error=first))


def urgent_first(jobs: Sequence[Job]) -> list[Job]:
    """Urgent orders before the rest, each in their order."""
    return sorted(jobs, key=lambda job: not job.order.urgent)
