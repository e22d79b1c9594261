"""Every order of two writers, a lost answer, a sweep and a wipe, over the real outbox on a real Redis.

A writer claims, notes its intent and looks up, sends, is committed by the instance, and finishes (link,
settle); another event may come between any two. `make chaos` runs every order, `make test` a seeded tenth.
"""

import itertools
import os
import random
from collections.abc import Iterator

import pytest
import redis

from common.errors import Superseded
from common.model.link import Link
from common.state import keys
from common.state.intents import Intents
from common.state.links import Links
from common.state.queue import Claimed, Item, WorkQueue
from common.state.store import Fence, Store, octets, text

GROUP = b"\1" * 8
STEPS = ("claim", "intent", "send", "commit", "finish")
HELD = 60.0
SYS_ID = "a" * 32


class World:
    """One group that wants one ticket; the instance as a list of committed tickets."""

    def __init__(self, client: redis.Redis, *, honours_sys_id: bool) -> None:
        client.flushall()
        self.client = client
        self.store = Store(client)
        self.tickets: list[str] = []
        self.quiet = False
        self.honours_sys_id = honours_sys_id
        self.expired: set[str] = set()
        self.put()

    def queue(self) -> WorkQueue:
        return WorkQueue(self.store, "c", "write")

    def put(self) -> None:
        self.fence = Fence(self.store.epoch())
        self.queue().put(self.fence, [Item(GROUP, 0, b"create")])

    def sweep(self) -> None:
        """The lease of whoever holds the item runs out, and the sweep returns it."""
        for item, owner in self.client.hgetall(keys.queue("c", "write", "owner")).items():
            self.client.zadd(keys.queue("c", "write", "leased"), {octets(item): 1})
            self.expired.add(text(owner))
        self.queue().sweep()

    def wipe(self) -> None:
        """Redis is lost; links are rebuilt from the instance before anything is created (promise 5)."""
        self.client.flushall()
        self.recover()

    def recover(self) -> None:
        fence = Fence(self.store.epoch())
        if self.tickets:
            Links(self.store, "c").replace(fence, {GROUP: (None, _link(self.tickets[0]))})
        elif Links(self.store, "c").get(GROUP) is None:
            self.put()


class Writer:
    """A writer that can be stopped between any two steps, in the product's own order of them."""

    def __init__(self, world: World, name: str, *, loses_answer: bool = False) -> None:
        self.world, self.name, self.loses_answer = world, name, loses_answer
        self.item: Claimed | None = None
        self.fence = world.fence
        self.stopped = False
        self.ticket = ""

    def step(self, name: str) -> None:
        if self.stopped or (name != "claim" and self.item is None):
            return
        try:
            getattr(self, name)()
        except Superseded:
            self.stopped = True

    def claim(self) -> None:
        self.fence = Fence(self.world.store.epoch())
        claimed = self.world.queue().claim(1, HELD, self.name)
        self.item = claimed[0] if claimed else None

    def intent(self) -> None:
        """Another's create may still be on its way: leave it alone for the server's limit; then look up."""
        assert self.item is not None
        intents = Intents(self.world.store, "c")
        if intents.waiting([GROUP], 0 if self.world.quiet else HELD):
            self.world.queue().park(self.name, self.item, 0)
            self.stopped = True
            return
        intents.note(self.fence, [GROUP])
        self.ticket = self.world.tickets[0] if self.world.tickets else ""

    def send(self) -> None:
        """The bytes go out only under a lease that is held and in the incarnation that was claimed in."""
        if self.name in self.world.expired or self.fence.epoch != self.world.store.epoch():
            self.stopped = True

    def commit(self) -> None:
        """The instance inserts, whatever became of the writer; it refuses a sys_id that is there already."""
        if not self.ticket:
            self.ticket = SYS_ID if self.world.honours_sys_id else f"{SYS_ID} by {self.name}"
            if self.ticket not in self.world.tickets:
                self.world.tickets.append(self.ticket)
        self.stopped = self.loses_answer

    def finish(self) -> None:
        assert self.item is not None
        Links(self.world.store, "c").replace(self.fence, {GROUP: (None, _link(self.ticket))})
        Intents(self.world.store, "c").clear([GROUP])
        self.world.queue().settle(self.name, [self.item])


def _link(ticket: str) -> Link:
    return Link("incident", ticket, ticket, 1, 1, "rule")


def _orders() -> Iterator[tuple[str, ...]]:
    """Merges of A's and B's steps, with a sweep and a wipe at every place, or not at all."""
    for places in itertools.combinations(range(10), 5):
        merged = ["A" if at in places else "B" for at in range(10)]
        for sweep, wipe in itertools.product(range(-1, 11), repeat=2):
            events = [[who] for who in merged] + [[]]
            if sweep >= 0:
                events[sweep].insert(0, "sweep")
            if wipe >= 0:
                events[wipe].insert(0, "wipe")
            yield tuple(event for slot in events for event in slot)


def _play(client: redis.Redis, order: tuple[str, ...], *, loses_answer: bool) -> World:
    # Without Redis nobody knows of a create in flight: then it is the instance that refuses the second one.
    world = World(client, honours_sys_id="wipe" in order)
    writers = {"A": Writer(world, "A", loses_answer=loses_answer), "B": Writer(world, "B")}
    steps = {name: iter(STEPS) for name in writers}
    for event in order:
        if event == "sweep":
            world.sweep()
        elif event == "wipe":
            world.wipe()
        else:
            writers[event].step(next(steps[event]))
    world.quiet = True
    _quiesce(world)
    return world


def _quiesce(world: World) -> None:
    """Time passes: leases run out, the sweep rings, a fresh writer works until nothing is left."""
    for number in range(4):
        world.sweep()
        writer = Writer(world, f"heir{number}")
        for step in STEPS:
            writer.step(step)


def _chosen() -> list[tuple[tuple[str, ...], bool]]:
    every = list(itertools.product(_orders(), (False, True)))
    if os.environ.get("ISTHMUS_CHAOS") == "full":
        return every
    return random.Random(7).sample(every, len(every) // 10)


@pytest.mark.timeout(900)
def test_no_order_makes_two_tickets_or_none(redis_client: redis.Redis) -> None:
    """Whatever the order: one ticket, one link to it, and an empty outbox."""
    wrong = []
    for order, loses_answer in _chosen():
        world = _play(redis_client, order, loses_answer=loses_answer)
        link = Links(world.store, "c").get(GROUP)
        linked = link is not None and [link.sys_id] == world.tickets
        if len(world.tickets) != 1 or not linked or world.queue().size():
            wrong.append((order, loses_answer, world.tickets, link))
    assert wrong == []
