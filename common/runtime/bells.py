"""Doorbells: Celery messages that say "there is work in this queue" and nothing else (promise 1).

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
        """Ring for up to `want` workers; bells that are still unheard are not rung again.

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

    def heard(self, bell: Doorbell) -> None:
        """A worker came: the next ring may call another one."""
        self._store.client.delete(keys.bell(bell.queue, bell.connection, bell.slot))
