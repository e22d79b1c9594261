"""The one way in which workers take work: claim under a lease, do it, settle it; until nothing is left.

Reactions to errors are here and nowhere else: Retry and Park give the item back for later, Skip (superseded
work) drops it, Fatal hands it to the stage's `failed` and drops it.
"""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, Self

import redis
import structlog

from common.errors import Fatal, Park, Retry, Skip
from common.state.queue import Claimed, WorkQueue

RETRY_SECONDS = 2.0
LOOK_SECONDS = 0.05
POISON_TRIES = 5


class Lease:
    """A lease over claimed items, renewed in the background every third of its length."""

    def __init__(
        self,
        queue: WorkQueue,
        items: Sequence[Claimed],
        seconds: float,
        owner: str,
        since: float,
        parked: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """`since` is the monotonic time before the claim: a worker that was frozen after it must know."""
        self._queue = queue
        self._items = {item.id: item for item in items}
        self._seconds = seconds
        self._owner = owner
        self._parked = parked
        self._until = since + seconds
        self._stop = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._renew, name=f"lease-{self._owner}", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def holds(self, item: Claimed) -> bool:
        """Whether the item is still ours by this process's own clock (checked before bytes go out)."""
        with self._lock:
            return item.id in self._items and time.monotonic() < self._until

    @property
    def remaining(self) -> float:
        """Seconds for which the lease is surely held: a request's deadline must be shorter."""
        with self._lock:
            return max(0.0, self._until - time.monotonic())

    def settle(self, items: Sequence[Claimed]) -> set[bytes]:
        """Finish items; answers the ids that are gone."""
        self._forget(items)
        return self._queue.settle(self._owner, items)

    def park(self, item: Claimed, seconds: float, body: bytes = b"") -> int:
        """Give an item back for later; answers how often it was given back."""
        self._forget([item])
        tries = self._queue.park(self._owner, item, seconds, body)
        self._parked(seconds)
        return tries

    def left(self) -> list[Claimed]:
        """Items neither settled nor parked yet."""
        with self._lock:
            return list(self._items.values())

    def _forget(self, items: Sequence[Claimed]) -> None:
        with self._lock:
            for item in items:
                self._items.pop(item.id, None)

    def _renew(self) -> None:
        while not self._stop.wait(self._seconds / 3):
            before = time.monotonic()
            try:
                kept = self._queue.renew(self._owner, self.left(), self._seconds)
            except Exception:  # noqa: BLE001, S112 - a lost Redis is told by the deadline that passes
                continue
            with self._lock:
                self._items = {key: item for key, item in self._items.items() if key in kept}
                self._until = before + self._seconds


class Stage(Protocol):
    """A use-case that takes work from one queue."""

    queue: str
    batch: int

    def handle(self, connection: str, items: Sequence[Claimed], lease: Lease) -> None:
        """Do the work. What it leaves is settled for it; what it raises concerns all that is left."""

    def failed(self, connection: str, item: Claimed, error: Fatal) -> None:
        """The item can't succeed without a person: leave a dead letter or fail its unit or run."""


class Drainer:
    """Runs stages on queues."""

    def __init__(
        self,
        queue_of: Callable[[str, str], WorkQueue],
        *,
        lease_seconds: float,
        budget_seconds: float,
        paused: Callable[[str], bool],
        failure: Callable[[str, str, float], None],
        parked: Callable[[float], None],
        looks: int = 0,
    ) -> None:
        """`looks`: how often a queue that ran empty is looked at again, every `LOOK_SECONDS`."""
        self._queue_of = queue_of
        self._lease_seconds = lease_seconds
        self._budget_seconds = budget_seconds
        self._paused = paused
        self._failure = failure
        self._parked = parked
        self._looks = looks
        self._log = structlog.get_logger("drain")

    def run(self, stage: Stage, connection: str, leaving: Callable[[], None] = lambda: None) -> int:
        """Work until the queue is empty or the budget is spent; answers for how many items to ring.

        `leaving` is called before the last look at the queue: whoever puts work from then on rings.
        """
        queue = self._queue_of(connection, stage.queue)
        ends, looks, left = time.monotonic() + self._budget_seconds, 0, False
        while time.monotonic() < ends and not self._paused(connection):
            owner, since = secrets.token_hex(6), time.monotonic()
            items = queue.claim(stage.batch, self._lease_seconds, owner)
            if items:
                with Lease(queue, items, self._lease_seconds, owner, since, self._parked) as lease:
                    self._handle(stage, connection, items, lease)
                looks = self._looks
            elif looks:
                looks -= 1
                time.sleep(LOOK_SECONDS)
            elif left:
                return 0
            else:
                leaving()
                left = True
        if not left:
            leaving()
        return 0 if self._paused(connection) else queue.depth().ready

    def _handle(self, stage: Stage, connection: str, items: Sequence[Claimed], lease: Lease) -> None:
        try:
            stage.handle(connection, items, lease)
        except Skip as error:
            self._log.info("dropped", queue=stage.queue, connection=connection, reason=error.reason)
        except Park as error:
            self._later(stage, connection, lease, error.reason, str(error), error.seconds)
        except Retry as error:
            self._later(stage, connection, lease, error.reason, str(error), RETRY_SECONDS)
        except Fatal as error:
            self._log.error(
                "failed", queue=stage.queue, connection=connection, reason=error.reason, error=str(error)
            )
            self._failure(stage.queue, error.reason, 0)
            for item in lease.left():
                stage.failed(connection, item, error)
        except redis.RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours must not lose work: it returns, then dies visibly
            self._log.exception("unexpected", queue=stage.queue, connection=connection)
            self._poison(stage, connection, lease, error)
        lease.settle(lease.left())

    def _poison(self, stage: Stage, connection: str, lease: Lease, error: Exception) -> None:
        self._failure(stage.queue, "unexpected", RETRY_SECONDS)
        for item in lease.left():
            if lease.park(item, RETRY_SECONDS) >= POISON_TRIES:
                stage.failed(connection, item, Fatal("unexpected", f"{type(error).__name__}: {error}"))
                self._queue_of(connection, stage.queue).remove(item)

    def _later(
        self, stage: Stage, connection: str, lease: Lease, reason: str, why: str, seconds: float
    ) -> None:
        self._log.info(
            "later",
            queue=stage.queue,
            connection=connection,
            reason=reason,
            why=why,
            seconds=round(seconds, 1),
        )
        self._failure(stage.queue, reason, seconds)
        for item in lease.left():
            lease.park(item, seconds)
