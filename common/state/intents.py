"""Intents: a create that was sent and has no clear answer yet.

Noted before the bytes go out, so that even a killed writer's create is left alone for the server's own time
limit and then looked up, not repeated (promise 2; state-model 1.9).
"""

import time
from collections.abc import Sequence

from common.state import keys
from common.state.store import Fence, Store, text


class Intents:
    """Creates under way, by group."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store = store
        self._connection = connection
        self._key = keys.named(connection, "intents")

    def note(self, fence: Fence, groups: Sequence[bytes]) -> None:
        """Say that creates for these groups are about to be sent. Raises `Superseded`."""
        flat: list[bytes | str] = []
        for group in groups:
            flat += [group, str(time.time())]
        if flat:
            self._store.fenced("set", fence, self._connection, [self._key], flat)

    def waiting(self, groups: Sequence[bytes], limit_seconds: float) -> dict[bytes, float]:
        """Of `groups` those that must not be tried yet -> seconds to wait."""
        if not groups:
            return {}
        now = time.time()
        sent = self._store.client.hmget(self._key, list(groups))
        wait = {
            group: float(text(at)) + limit_seconds - now
            for group, at in zip(groups, sent, strict=True)
            if at is not None
        }
        return {group: seconds for group, seconds in wait.items() if seconds > 0}

    def clear(self, groups: Sequence[bytes]) -> None:
        """The creates have a clear answer."""
        if groups:
            self._store.client.hdel(self._key, *groups)
