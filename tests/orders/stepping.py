"""Product code on threads that stop in front of chosen Redis scripts, so that a test says who goes on.

Nothing of the product is imitated here: a `SteppedStore` is the product's Store with a gate in front of each
script, and an `Actor` runs what a worker runs. Between two gates nobody else runs.
"""

import itertools
import os
import random
import threading
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import redis
from redis.commands.core import Script

from common.errors import Superseded
from common.state.store import Fence, Store

_PATIENCE = 30.0
T = TypeVar("T")
Patches = Mapping[str, tuple[str, str]]


class Killed(BaseException):
    """SIGKILL: nothing of the worker's code runs any more. No Exception, so that nobody handles it."""


class Actor:
    """One worker, moved on step by step. What it raised is in `error`."""

    def __init__(self, work: Callable[["Actor"], None]) -> None:
        self._work = work
        self._go = threading.Semaphore(0)
        self._rest = threading.Semaphore(0)
        self._killed = False
        self._thread: threading.Thread | None = None
        self.done = False
        self.error: BaseException | None = None

    def step(self) -> None:
        """Run on to the next gate, or to the end."""
        if self.done:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        else:
            self._go.release()
        assert self._rest.acquire(timeout=_PATIENCE), "an actor came to no gate"

    def finish(self) -> None:
        while not self.done:
            self.step()

    def kill(self) -> None:
        """End it where it stands."""
        self._killed = True
        if self._thread is None:
            self.done = True
        self.step()

    def gate(self) -> None:
        """Called on the actor's own thread."""
        self._rest.release()
        self._go.acquire()
        if self._killed:
            raise Killed

    def _run(self) -> None:
        try:
            self._work(self)
        except (Superseded, redis.RedisError, Killed) as error:
            self.error = error  # a lost worker; anything else fails the test by its traceback
        finally:
            self.done = True
            self._rest.release()


class SteppedStore(Store):
    """A store with a gate before each script, an ear behind it, and scripts that a sabotage may patch.

    `before(name, keys)` may stop the actor; `after(name, answer)` hears what a script answered and may raise,
    as a client does that lost the answer. `twice` names scripts that are sent again, as redis-py does then.
    """

    def __init__(
        self,
        client: redis.Redis,
        patches: Patches | None = None,
        *,
        before: Callable[[str, Sequence[bytes]], None] = lambda _name, _keys: None,
        after: Callable[[str, Any], None] = lambda _name, _answer: None,
        twice: Container[str] = frozenset(),
    ) -> None:
        super().__init__(client)
        self._patches = patches or {}
        self._before = before
        self._after = after
        self._twice = twice

    def run(self, name: str, names: Sequence[bytes], args: Sequence[Any]) -> Any:
        return self._at(name, names, lambda: super(SteppedStore, self).run(name, names, args))

    def fenced(
        self, name: str, fence: Fence, connection: str, names: Sequence[bytes], args: Sequence[Any]
    ) -> Any:
        return self._at(
            name, names, lambda: super(SteppedStore, self).fenced(name, fence, connection, names, args)
        )

    def _at(self, name: str, names: Sequence[bytes], script: Callable[[], T]) -> T:
        self._before(name, names)
        answer = script()
        if name in self._twice:
            answer = script()
        self._after(name, answer)
        return answer

    def _script(self, name: str, *, fenced: bool) -> Script:
        known = f"{name}:{fenced}" in self._scripts
        script = super()._script(name, fenced=fenced)
        if not known:
            source = str(script.script)
            for wanted, (text, instead) in self._patches.items():
                if wanted == name or (wanted == "fence" and fenced):
                    assert text in source, f"{name}.lua has no {text!r} to sabotage"
                    source = source.replace(text, instead)
            script = self._scripts[f"{name}:{fenced}"] = self.client.register_script(source)
        return script


class Snapshot:
    """All keys of a Redis, put back in one round trip."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        names = client.keys()
        pipe = client.pipeline(transaction=False)
        for name in names:
            pipe.dump(name)
            pipe.pttl(name)
        answers = pipe.execute()
        self._keys = [
            (name, max(0, ttl), packed)
            for name, packed, ttl in zip(names, answers[::2], answers[1::2], strict=True)
        ]

    def put_back(self) -> None:
        pipe = self._client.pipeline(transaction=False)
        pipe.flushall()
        for name, ttl, packed in self._keys:
            pipe.restore(name, ttl, packed)
        pipe.execute()


def merges(steps: int, events: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every merge of `steps` steps of A and as many of B, with at most one of `events` between any two.

    A takes its first step first: the two are alike, so the other half only swaps their names.
    """
    length = 2 * steps
    for places in itertools.combinations(range(1, length), steps - 1):
        merged = ["A" if at == 0 or at in places else "B" for at in range(length)]
        yield tuple(merged)
        for event, place in itertools.product(events, range(1, length)):
            yield (*merged[:place], event, *merged[place:])


def chosen(every: Sequence[T], seed: int = 7) -> list[T]:
    """All of it in `make chaos`, a seeded tenth in `make test`."""
    if os.environ.get("ISTHMUS_CHAOS") == "full":
        return list(every)
    return random.Random(seed).sample(list(every), len(every) // 10)
