"""The scheduler's slots and messages."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from celery import Celery
from celery.beat import Scheduler

from common.runtime import queues
from common.settings.schedule import parse_schedule
from services.scheduler.beat import beat_schedule
from services.scheduler.slots import Slots, at_slot, at_start

NOON = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)


class _Sent(Scheduler):  # type: ignore[misc] # celery has no types
    """Celery's scheduler, with the post replaced by a list."""

    def __init__(self, app: Celery) -> None:
        self.sent: list[Any] = []
        super().__init__(app)

    producer = None

    def send_task(self, name: str, args: Any, kwargs: Any, **options: Any) -> None:
        del kwargs
        self.sent.append((name, args[0], options["queue"]))


def ticking(text: str, enabled: bool = True) -> tuple[_Sent, dict[str, datetime]]:
    """A scheduler over one connection, and its clock."""
    clock = {"now": NOON}
    one: Any = SimpleNamespace(id="c", enabled=enabled, schedule=parse_schedule(text))
    app = Celery("test", set_as_current=False)
    now: Callable[[], datetime] = lambda: clock["now"]  # noqa: E731 - a clock
    app.conf.beat_schedule = beat_schedule([one], now)
    return _Sent(app), clock


def test_beat_sends_once_for_each_slot() -> None:
    """One message when a slot comes, none before and none twice; it names the slot in its run id."""
    scheduler, clock = ticking("1h")
    scheduler.tick()
    assert scheduler.sent == []
    clock["now"] = datetime(2026, 3, 4, 13, 0, 2, tzinfo=UTC)
    for _ in range(3):
        scheduler.tick()
    [(task, message, queue)] = scheduler.sent
    assert (task, queue, message["connection"], message["mode"]) == (
        "start_run",
        queues.COLLECT_POLL,
        "c",
        "live",
    )
    assert message["run"].startswith("20260304T130000Z-")
    clock["now"] += timedelta(hours=1)
    scheduler.tick()
    assert len(scheduler.sent) == 2


def test_a_disabled_connection_is_not_scheduled() -> None:
    """`enabled: false` keeps beat from sending anything."""
    scheduler, clock = ticking("1h", enabled=False)
    clock["now"] += timedelta(hours=3)
    scheduler.tick()
    assert scheduler.sent == []


def test_two_beats_mean_the_same_run() -> None:
    """Doubled or restarted beats give one run id for a slot, and another for the next slot."""
    slots = parse_schedule("24h")
    first, late = at_slot("c", slots, NOON), at_slot("c", slots, NOON + timedelta(hours=11))
    assert first.run == late.run
    assert at_slot("c", slots, NOON + timedelta(days=1)).run != first.run
    assert at_slot("d", slots, NOON).run != first.run


def test_a_start_is_void_when_the_slot_was_served() -> None:
    """The start names its slot, and doubles of it within a minute have one run id."""
    slots = parse_schedule("0 2 * * *")
    start = at_start("c", slots, NOON)
    assert start.unless_good_since == int(datetime(2026, 3, 4, 2, 0, tzinfo=UTC).timestamp())
    assert at_start("c", slots, NOON + timedelta(seconds=20)).run == start.run
    assert at_start("c", slots, NOON + timedelta(seconds=90)).run != start.run
    assert start.run != at_slot("c", slots, NOON).run


def test_the_next_call_is_at_the_next_slot() -> None:
    """Beat is told to look again exactly when the next slot comes."""
    due, wait = Slots(parse_schedule("0 2 * * *"), lambda: NOON).is_due(NOON - timedelta(minutes=1))
    assert not due
    assert wait == timedelta(hours=13, minutes=59, seconds=30).total_seconds()
