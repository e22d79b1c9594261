"""One unit of one connection that two mappers work on: the product's mapper, whole, from claim to settle.

Nothing of the mapper is imitated. What the collector and the writer would have left (pages, metadata, two
tickets) is put into Redis through the product's own classes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import redis
import zstandard

from common.identity import finding_key, unit_key
from common.model.finding import Recommendation, Severity, Standing, Subscription
from common.model.link import Link
from common.rules.loader import load_rules
from common.runtime.bells import Bells
from common.runtime.drain import Drainer, Stage
from common.state import keys
from common.state.directory import Directory, unit_of
from common.state.flow import Flow
from common.state.groups import FACTS, Groups
from common.state.links import Links
from common.state.pages import Pages
from common.state.queue import Item, WorkQueue
from common.state.register import Register
from common.state.runs import Runs, UnitRecord
from common.state.store import Fence, Store, octets
from common.state.units import Ids, Units, unpack
from services.mapper.run_view import Views
from services.mapper.shares import add_up
from services.mapper.stage_finish import FinishStage
from services.mapper.stage_map import MapStage
from tests.unit.services.mapper.conftest import RULES, SUB, row

UNIT = unit_of(SUB)
KEY = unit_key(UNIT)
QUEUES = ("map", "confirm", "finish")
BAD, FINE = "Unhealthy", "Healthy"
# What each run reads: machine and recommendation -> Azure's word. `rec-c` is of low severity from r2 on, so a
# finding of it stays with its ticket as long as that is open, and is no rule's any more once it is closed.
READ: Mapping[str, Mapping[tuple[int, str], str]] = {
    "r1": {(1, "rec-a"): BAD, (2, "rec-a"): BAD, (3, "rec-c"): BAD},
    "r2": {(1, "rec-a"): FINE, (2, "rec-a"): BAD, (3, "rec-c"): BAD, (4, "rec-a"): BAD},
    # The second one is not shown and is asked for again: it is gone.
    "r2 asks": {(1, "rec-a"): FINE, (3, "rec-c"): BAD, (4, "rec-a"): BAD},
    "r3": {(1, "rec-a"): BAD, (2, "rec-a"): FINE, (3, "rec-c"): FINE, (4, "rec-a"): BAD, (5, "rec-a"): BAD},
}


def rules_json(folder: Path) -> str:
    path = folder / "rules.yaml"
    path.write_text(RULES)
    return load_rules(path).to_json()


class Worker:
    """The mapper's stages over one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.flow = Flow(store, Bells(store, lambda _lane, _bell: None, 15, 4), window=1000, stale_after=0)
        views = Views(store, self.flow)
        finish = FinishStage(views)
        self.stages: dict[str, Stage] = {"map": MapStage(views, finish.finish), "finish": finish}
        self._drainer = Drainer(
            lambda connection, queue: WorkQueue(store, connection, queue),
            lease_seconds=600,
            budget_seconds=600,
            paused=lambda _connection: False,
            failure=lambda _queue, _reason, _seconds: None,
            parked=lambda _seconds: None,
        )

    def drain(self, queue: str = "map") -> None:
        """What a worker does when a bell rings."""
        self._drainer.run(self.stages[queue], "c")


class World:
    """The state of the connection, and what happens to it from outside."""

    def __init__(self, client: redis.Redis, rules: str) -> None:
        self.client = client
        self.store = Store(client)
        self._rules = rules
        self._outside = Worker(self.store)

    def begin(self, run: str) -> Fence:
        """A run of which everything was read."""
        epoch = self.store.epoch()
        fence = Fence(epoch, run)
        assert self._outside.flow.start_run("c", epoch, run, {"mode": "live"}, self._rules) == run
        Register(self.store, "c").update(fence, {"rebuilt": epoch})
        severity = Severity.HIGH if run == "r1" else Severity.LOW
        directory, runs = Directory(self.store, "c"), Runs(self.store, "c")
        directory.put_metadata(
            fence,
            [
                Recommendation("rec-a", "Mend rec-a", Severity.HIGH),
                Recommendation("rec-c", "Mend rec-c", severity),
            ],
        )
        directory.put_subscriptions(fence, [Subscription(SUB, "Production")])
        rows = [row(number, name, code) for (number, name), code in READ[run].items()]
        pages = Pages(self.store, "c", run, UNIT, "a")
        pages.put(fence, 0, msgspec.json.encode(rows), len(rows), len(rows), last=True, flags="")
        runs.put_units(fence, [UnitRecord(UNIT, state="read", attempt="a")])
        runs.update(fence, {"planned": "1", "units_planned": "1", "tickets_done": "1"})
        return fence

    def ring(self, fence: Fence) -> None:
        """The unit of a run that began may be mapped."""
        self._outside.flow.put("c", fence, "map", [Item(UNIT.encode(), 0, b"a")])

    def base(self, second: str = "r2") -> None:
        """r1 is over and both its tickets are open; the second run waits for a mapper."""
        self.client.flushall()
        fence = self.begin("r1")
        self.ring(fence)
        self._outside.drain()
        for number, group in enumerate(self.groups()):
            link = Link("incident", f"{number}" * 32, f"INC{number}", 1, 1, "per-recommendation")
            Links(self.store, "c").replace(fence, {group: (None, link)})
        Groups(self.store, "c").clean(fence, "per-recommendation", self.groups())
        self.ring(self.begin(second))

    # events

    def sweep(self) -> None:
        """Whoever holds an item has lost its lease."""
        for queue in QUEUES:
            for item in self.client.hkeys(keys.queue("c", queue, "owner")):
                self.client.zadd(keys.queue("c", queue, "leased"), {octets(item): 1})
            WorkQueue(self.store, "c", queue).sweep()

    def close(self) -> None:
        """A person's closing of both tickets is taken in."""
        fence = Fence(self.store.epoch())
        for group, link in list(Links(self.store, "c").scan()):
            closed = msgspec.structs.replace(link, state="7", active=False, closed_by_person=True)
            Links(self.store, "c").replace(fence, {group: (link, closed)})

    def confirm(self) -> None:
        """What the collector does with a unit's missing findings: all of them are gone (imitated)."""
        queue = WorkQueue(self.store, "c", "confirm")
        for item in queue.claim(1, 60, "collector"):
            run = Register(self.store, "c").current_run()
            record = Runs(self.store, "c").unit(run, UNIT)
            key = keys.staged("c", run, "missing", record.stage if record else "", KEY)
            packed = octets(self.client.get(key))
            ids = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(packed)) if packed else []
            answers = msgspec.msgpack.encode(dict.fromkeys(ids, int(Standing.GONE)))
            key = keys.unit_part("c", run, "answers", KEY)
            self.client.set(key, zstandard.ZstdCompressor().compress(answers))
            self._outside.flow.put("c", Fence(self.store.epoch(), run), "finish", [Item(item.id, 0, b"")])
            queue.settle("collector", [item])

    def settle(self) -> None:
        """Time passes: leases run out, the sweep moves runs on, another mapper takes what is left."""
        for _ in range(3):
            self.sweep()
            self._outside.drain("map")
            self.confirm()
            self._outside.drain("finish")
            self._outside.flow.resume("c", self.store.known_epoch())
            if not self._left():
                return

    def _left(self) -> list[str]:
        return [queue for queue in QUEUES if WorkQueue(self.store, "c", queue).size()]

    # what stands there

    def groups(self) -> list[bytes]:
        prefix = keys.group("c", b"")
        return sorted(octets(name)[len(prefix) :] for name in self.client.keys(prefix + b"*"))

    def version(self) -> str:
        return Units(self.store, "c").generation(UNIT).version

    def buckets(self) -> list[bytes]:
        units = Units(self.store, "c")
        return [units.bucket(UNIT, number) for number in range(units.generation(UNIT).buckets)]

    def written(self) -> dict[bytes, bytes | None]:
        """All that a unit's mapping decides: generation, contributions, ids, dirty groups. Not the facts."""
        found: dict[bytes, bytes | None] = {}
        for pattern in (b"isth:c:unit:*", b"isth:c:ids:*", b"isth:c:dirty:*"):
            found.update({octets(name): self.client.dump(name) for name in self.client.keys(pattern)})
        for group in self.groups():
            for name, value in self.client.hgetall(keys.group("c", group)).items():
                if name != FACTS:
                    found[group + octets(name)] = octets(value)
        return found

    def wrong(self, run: str) -> list[str]:
        """What is not as it must be once everything has come to rest and `run` was the last one."""
        found = []
        if self.version() != run:
            found.append(f"generation of {self.version() or 'nobody'}")
        if self._standings() != self._wanted(run):
            found.append(f"not what {run} read: {self._standings()}")
        found += self._contributions()
        record = Runs(self.store, "c").unit(run, UNIT)
        if record is None or record.state != "done":
            found.append("the unit is not done")
        elif record.read != record.matched + sum(record.skipped.values()):
            found.append(f"the ledger is out: {record}")
        if not WorkQueue(self.store, "c", "decide").size():
            found.append("the run does not go on")
        return found + [f"{queue} is not empty" for queue in self._left()]

    def _standings(self) -> Counter[tuple[bytes, int]]:
        records = (record for bucket in self.buckets() for record in unpack(bucket))
        return Counter((record.key, record.standing) for record in records)

    @staticmethod
    def _wanted(run: str) -> Counter[tuple[bytes, int]]:
        standing = {BAD: int(Standing.OPEN), FINE: int(Standing.HEALTHY)}
        wanted = Counter(
            (finding_key(str(row(number, name)["id"])), standing[code])
            for (number, name), code in READ[run].items()
        )
        if run == "r2 asks":
            wanted[finding_key(str(row(2, "rec-a")["id"])), int(Standing.GONE)] = 1
        return wanted

    def _contributions(self) -> list[str]:
        """Contributions, and ids, that are not those of the committed records."""
        groups = self.groups()
        parts = add_up(self.buckets())
        found = []
        for group, state in zip(groups, Groups(self.store, "c").get_many(groups), strict=True):
            wanted = parts[group].contribution() if group in parts else None
            if state.units.get(KEY) != wanted:
                found.append(f"group {group.hex()} counts {state.units.get(KEY)}, the records {wanted}")
            known = {finding_key(one) for one in Ids(self.store, "c", KEY).of(group).ids}
            if known != ({key for _, _, key in parts[group].order} if group in parts else set()):
                found.append(f"group {group.hex()} has {len(known)} ids")
        return found


def changed(before: Mapping[bytes, bytes | None], after: Mapping[bytes, bytes | None]) -> Sequence[str]:
    """Names of what differs."""
    return [
        repr(name) for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)
    ]
