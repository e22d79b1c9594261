"""Seconds from a fault until work flows again."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping

import redis

from common.state import keys
from common.state.flow import QUEUES
from common.state.register import Register
from common.state.runs import RUNNING
from common.state.store import octets
from tests.stack import CONNECTION, Stack

GOAL_SECONDS = 60.0
_GIVEN_UP = 150.0
_WORK = ("settle", "commit_unit", "put_page", "outcome")
InHand = Mapping[tuple[str, bytes], bytes]  # (queue, item) -> who holds it


class Healing:
    """Watches in the background, so that the next fault need not wait."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self._threads: list[threading.Thread] = []

    def in_hand(self) -> InHand:
        """What is claimed now, and by whom."""
        found: dict[tuple[str, bytes], bytes] = {}
        for queue in QUEUES:
            owners = self._stack.client.hgetall(keys.queue(CONNECTION, queue, "owner"))
            found |= {(queue, octets(item)): octets(owner) for item, owner in owners.items()}
        return found

    def began(self, kind: str, in_hand: InHand, *, idle: bool = True) -> None:
        """Work flows again when others have taken up what was in hand, and something was done.

        `idle`: a run that is over meanwhile needs nothing done; else a unit must have been read to its end.
        """
        about = (kind, in_hand, time.monotonic(), self._work(), idle)
        thread = threading.Thread(target=self._watch, args=about)
        thread.start()
        self._threads.append(thread)

    def wait(self) -> None:
        """Until all that is watched has healed."""
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def percentile_95(self) -> float:
        every = sorted(second for some in self.seconds.values() for second in some)
        return every[min(len(every) - 1, int(len(every) * 0.95))] if every else 0.0

    def lines(self) -> Iterator[str]:
        """A line for each kind of fault."""
        for kind, some in sorted(self.seconds.items()):
            yield f"heal: {kind}: {len(some)} times, seconds {', '.join(f'{s:.1f}' for s in sorted(some))}"

    def _work(self) -> int:
        assert self._stack.proxy is not None
        return sum(self._stack.proxy.made(script) for script in _WORK)

    def _watch(self, kind: str, in_hand: InHand, began: float, work: int, idle: bool) -> None:
        while time.monotonic() - began < _GIVEN_UP:
            try:
                if self._flows(in_hand, work, idle=idle):
                    break
            except redis.RedisError:
                pass  # it is another fault's turn
            time.sleep(0.1)
        self.seconds[kind].append(time.monotonic() - began)

    def _flows(self, in_hand: InHand, work: int, *, idle: bool) -> bool:
        now = self.in_hand()
        if any(now.get(item) == owner for item, owner in in_hand.items()):
            return False
        if idle:
            return self._work() > work or not self._under_way()
        run = Register(self._stack.store, CONNECTION).current_run()
        return any(unit.ended for unit in self._stack.runs().units(run))

    def _under_way(self) -> bool:
        run = Register(self._stack.store, CONNECTION).current_run()
        return bool(run) and self._stack.runs().record(run).get("status") == RUNNING
