"""Parked work is taken up when it is due, however long the sweep's interval is."""

import threading
import time

from common.observe.metrics import Metrics
from common.runtime.alarm import Alarm
from common.runtime.drain import Lease
from common.runtime.sweeper import Sweeper
from common.state.queue import Item, WorkQueue
from common.state.store import Fence, Store

_HOUR = 3600.0


def test_it_ends_a_wait_at_the_next_due_moment_and_not_before() -> None:
    """The nearest moment counts, and those behind it are kept."""
    alarm = Alarm()
    began = time.monotonic()
    for seconds in (_HOUR, 1.5, 0.2):
        alarm.within(seconds)
    alarm.wait(_HOUR)
    assert 0.2 <= time.monotonic() - began < 1.5
    alarm.wait(_HOUR)
    assert time.monotonic() - began >= 1.5
    alarm.wait(0.1)
    assert time.monotonic() - began >= 1.6


def test_it_is_heard_while_somebody_waits() -> None:
    """A moment that is told later shortens a wait that is under way."""
    alarm = Alarm()
    waiting = threading.Thread(target=alarm.wait, args=[_HOUR])
    waiting.start()
    alarm.within(0.05)
    waiting.join(5)
    assert not waiting.is_alive()


def test_parked_work_is_swept_when_it_is_due(store: Store) -> None:
    """With an interval of an hour an item is ready again a moment after its time."""
    fence = Fence(store.epoch(), "")
    queue, alarm, ready = WorkQueue(store, "c", "read"), Alarm(), threading.Event()
    queue.put(fence, [Item(b"one", 0, b"")])
    items = queue.claim(1, 30, "me")
    sweeper = Sweeper(lambda: ready.set() if queue.sweep() else None, _HOUR, Metrics("collector"), alarm)
    sweeper.start()
    try:
        with Lease(queue, items, 30, "me", time.monotonic(), alarm.within) as lease:
            lease.park(items[0], 0.3)
        assert not ready.wait(0.2)
        assert ready.wait(5)
    finally:
        sweeper.stop()
