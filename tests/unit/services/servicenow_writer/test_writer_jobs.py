"""Orders as claimed."""

from typing import Any

import msgspec
import pytest

from common.model.decision import Order
from common.state.queue import Claimed
from services.servicenow_writer.jobs import open_items, put_off, urgent_first
from tests.unit.services.servicenow_writer.writer_orders import job, order, update


def claimed(body: bytes) -> Claimed:
    return Claimed(b"12345678", "0" * 16, body)


@pytest.mark.parametrize(
    "changes",
    [
        {"table": "incident?x=1"},
        {"sys_id": "../x"},
        {"correlation_id": "isth:a^ORb"},
        {"correlation_id": "x" * 101},
        {"kind": "held"},
        {"fields": {"a b": "1"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_unusable(changes: dict[str, Any]) -> None:
    """An order that could shape a query or a URL is malformed, and names the field."""
    opened = open_items([claimed(msgspec.msgpack.encode(order(**changes)))])
    assert opened.jobs == []
    assert next(iter(changes)) in opened.malformed[0].sentence


def test_unreadable_among_others() -> None:
    """One broken item does not spoil the others."""
    opened = open_items([claimed(b"\xc1"), claimed(msgspec.msgpack.encode(order()))])
    assert len(opened.malformed) == 1
    assert opened.jobs[0].order == order()


def test_put_off() -> None:
    """Attempts are counted; the first error stays."""
    first = msgspec.msgpack.decode(put_off(order(), "server_error", "broken"), type=Order)
    second = msgspec.msgpack.decode(put_off(first, "answer_lost", "gone"), type=Order)
    assert (second.attempts, second.first_error) == (2, "server_error: broken")


def test_urgent_first() -> None:
    """Urgent orders go out before the rest, in their own order."""
    jobs = [job(order(seq=1)), job(order(seq=2, urgent=True)), job(order(seq=3))]
    assert [one.order.seq for one in urgent_first(jobs)] == [2, 1, 3]


def test_trace() -> None:
    """Creates and notes leave a trace when they are done twice; facts don't."""
    traces = [job(o).leaves_a_trace for o in (order(), update(note="x"), update())]
    assert traces == [True, True, False]
