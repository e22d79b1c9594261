"""Doorbells: Celery messages that say "there is work in this queue" and nothing else (promise 1).

A hop costs as much as two thousand unchanged findings, so nobody is called who is at work already.

A lost or doubled bell costs nothing: the work stands in Redis, and the sweep rings again.
"""

from collections.abc import Callable

from common.messages import Doorbell
from common.state import keys
from common.state.store import Store

# Work queue -> Celery queue (lane). Polls have their own lane, so that bulk reading can't starve them.
LANES = {
    "tickets": "collect.poll",
    "plan": "collect.poll",
    "confirm": "collect.poll",
    "tags": "collect.poll",
    "rows": "collect.poll",
    "read": "collect.bulk",
    "observe": "map",
    "map": "map",
    "finish": "map",
    "decide": "map",
    "render": "map",
    "write": "write",
}


class Bells:
    """Rings at most `width` bells per queue and connection at a time."""

    def __init__(
        self, store: Store, publish: Callable[[str, Doorbell], None], seconds: float, width: int
    ) -> None:
        self._store = store
        self._publish = publish
        self._seconds = seconds
        self._width = width

    def ring(self, connection: str, queue: str, want: int = 1, *, epoch: str = "") -> None:
        """Ring until `want` workers are on their way or at work; a bell rings until it is answered.

        Whoever has just written behind a fence names its epoch, which saves a question.
        """
        epoch = epoch or self._store.known_epoch()
        if not epoch:
            return
        for slot in range(min(want, self._width)):
            key = keys.bell(queue, connection, slot)
            if self._store.client.set(key, b"1", nx=True, px=int(self._seconds * 1000)):
                self._publish(
                    LANES[queue], Doorbell(epoch=epoch, connection=connection, queue=queue, slot=slot)
                )

    def answered(self, bell: Doorbell) -> None:
        """The bell's worker is about to leave, or can't work: the next ring may call another one."""
        self._store.client.delete(keys.bell(bell.queue, bell.connection, bell.slot))
