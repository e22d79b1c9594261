"""One group that wants one ticket, and writers on it: the product's write stage, whole, from claim to settle.

Imitated, and tiny: the instance (a list of records that look-ups and inserts see; it does not keep the
sys_ids that clients choose, which is the harder case), and the mapper's word that a group without link wants
a create.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import redis

from common.http.deadline import Deadline
from common.http.errors import AnswerLost
from common.identity import correlation_id, group_of, identity_digest, sys_id_of
from common.model.decision import Kind, Order, Outcome
from common.observe.metrics import Metrics
from common.runtime.bells import Bells
from common.runtime.drain import Drainer, Lease
from common.servicenow.batch import BatchAnswer, BatchItem, ItemAnswer
from common.settings.settings import Settings
from common.state import keys
from common.state.approvals import Approvals
from common.state.flow import Flow
from common.state.groups import Groups
from common.state.intents import Intents
from common.state.links import Links
from common.state.queue import Item, WorkQueue
from common.state.register import Register
from common.state.runs import Runs
from common.state.store import Fence, Store, octets
from services.mapper.run_view import Views
from services.mapper.stage_observe import Observing
from services.servicenow_writer.clients import Clients
from services.servicenow_writer.counting import CountedRequests
from services.servicenow_writer.stage import WriteStage

RULE, TABLE, US = "per-recommendation", "incident", "isthmus.integration"
DIGEST = identity_digest("c", RULE, [("recommendation", "rec-a")])
GROUP = group_of(DIGEST)
CORRELATION = correlation_id("c", TABLE, DIGEST, 1)
METRICS = Metrics("orders")
SETTINGS = Settings()
HELD = 60.0
NO_TIME = 0.001
_encode = msgspec.msgpack.Encoder().encode


class Instance:
    """ServiceNow as far as a create goes: records, a look-up by either key, inserts."""

    def __init__(self) -> None:
        self.records: list[dict[str, str]] = []

    def insert(self, fields: Mapping[str, str]) -> dict[str, str]:
        number = len(self.records)
        made = {
            **fields,
            "sys_id": f"{number}" * 32,
            "number": f"INC{number}",
            "state": "1",
            "active": "true",
            "sys_mod_count": "0",
            "sys_created_on": f"2026-11-23 02:00:0{number}",
            "sys_updated_on": f"2026-11-23 02:00:0{number}",
            "sys_updated_by": US,
        }
        self.records.append(made)
        return made


class Access:
    """One worker's clients of the instance: it is stopped before a look-up and before a commit."""

    def __init__(
        self, instance: Instance, gate: Callable[[str], None], *, loses_answer: bool, sent: Callable[[], None]
    ) -> None:
        self._instance = instance
        self._gate = gate
        self._loses = loses_answer
        self._sent = sent

    def look_up(
        self, table: str, column: str, wanted: Iterable[str], fields: Sequence[str] = (), **_: Any
    ) -> dict[str, list[dict[str, str]]]:
        del table, fields
        self._gate("look")
        found: dict[str, list[dict[str, str]]] = {}
        for record in self._instance.records:
            if record[column] in set(wanted):
                found.setdefault(record[column], []).append(record)
        return found

    def execute(
        self, requests: Sequence[BatchItem], *, deadline: Deadline, urgent: bool = False
    ) -> BatchAnswer:
        """The bytes are out when the gate opens: the instance commits whatever became of the writer."""
        del deadline, urgent
        self._sent()
        self._gate("send")
        made = {one.id: self._instance.insert(json.loads(one.body or b"{}")) for one in requests}
        if self._loses:
            raise AnswerLost("no_answer", "the answer is lost")
        answers = {
            name: ItemAnswer(201, json.dumps({"result": record}).encode(), 1, "create")
            for name, record in made.items()
        }
        return BatchAnswer(answers, (), ())


class Writer:
    """The write stage over one store, with its lease at hand so that the test can end it."""

    def __init__(self, store: Store, access: Access, limit: float = HELD) -> None:
        imitated: Any = access
        clients = Clients(imitated, imitated, imitated, imitated, US)
        settings = SETTINGS.model_copy(update={"server_limit_seconds": limit})
        flow = Flow(store, Bells(store, lambda _lane, _bell: None, 15, 4), window=1000, stale_after=0)
        self._stage = WriteStage(store, settings, _Pool(clients), flow, METRICS, CountedRequests(METRICS))
        self._queue = WorkQueue(store, "c", "write")
        self._drainer = Drainer(
            lambda _connection, _queue: self._queue,
            lease_seconds=HELD,
            budget_seconds=HELD,
            paused=lambda _connection: False,
            failure=lambda _queue, _reason, _seconds: None,
            parked=lambda _seconds: None,
        )
        self.lease: Lease | None = None

    def work(self, name: str) -> None:
        """What `Drainer.run` does with one claim."""
        items = self._queue.claim(10, HELD, name)
        if items:
            self.lease = Lease(self._queue, items, HELD, name, time.monotonic())
            self._drainer._handle(self._stage, "c", items, self.lease)

    def expire(self) -> None:
        """So much time passed that the lease is over by the writer's own clock too."""
        if self.lease is not None:
            self.lease._until = 0.0


class _Pool:
    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def of(self, connection: str) -> Clients:
        del connection
        return self._clients

    def renew(self, connection: str) -> bool:
        del connection
        return False


class World:
    """The connection's state, the instance, and what happens to them from outside."""

    def __init__(self, client: redis.Redis, rules: str) -> None:
        self.client = client
        self.store = Store(client)
        self.instance = Instance()
        self.fence = Fence("", "")
        self.text = ""
        self._rules = rules
        self._flow = Flow(
            self.store, Bells(self.store, lambda _lane, _bell: None, 15, 4), window=1000, stale_after=0
        )

    def base(self) -> None:
        """r1 has decided that the group gets a ticket."""
        self.client.flushall()
        self.begin("r1")
        self.rebuild()
        self.order("Fix it")

    def begin(self, run: str) -> None:
        """Another run starts; the queues are its own."""
        epoch = self.store.epoch()
        self.fence = Fence(epoch, run)
        assert self._flow.start_run("c", epoch, run, {"mode": "live"}, self._rules) == run
        for name in ("tickets", "plan"):
            self.client.unlink(*WorkQueue(self.store, "c", name).keys)
        decided = {"touched": "1", "decided": "1", "planned": "1", "units_planned": "0"}
        Runs(self.store, "c").update(self.fence, decided)

    def rebuild(self) -> None:
        """The run's reading of tickets is taken in, and the links are known in this incarnation."""
        register, runs = Register(self.store, "c"), Runs(self.store, "c")
        view = Views(self.store, self._flow).current("c")
        if not Approvals(register).any():
            Approvals(register).approve(view.rules, [], "operator", view.run)
        Observing(view, lambda _connection: None).take(self.instance.records)
        runs.update(self.fence, {"tickets_read": "1", "tickets_pages": "0"})
        self._flow.advance("c", self.fence)
        assert register.links_rebuilt(self.fence.epoch)

    def order(self, text: str) -> None:
        """The mapper wants a ticket with this text, where it knows of none."""
        if Links(self.store, "c").get(GROUP) is not None:
            Runs(self.store, "c").outcomes(self.fence, [(GROUP, Outcome.UNCHANGED, "no_change")])
            return
        self._put(self._create(text))

    def change(self, text: str) -> None:
        """The mapper wants another text on the ticket."""
        link = Links(self.store, "c").get(GROUP)
        assert link is not None
        order = self._create(text)
        changes = {
            "kind": Kind.UPDATE,
            "seq": link.seq + 1,
            "sys_id": link.sys_id,
            "expect_state": link.state,
        }
        self._put(msgspec.structs.replace(order, **changes))

    def _put(self, order: Order) -> None:
        self.text = order.fields["short_description"]
        WorkQueue(self.store, "c", "write").put(self.fence, [Item(GROUP, 0, _encode(order))])

    def _create(self, text: str) -> Order:
        return Order(
            group=GROUP.hex(),
            kind=Kind.CREATE,
            reason="new_findings",
            epoch=self.fence.epoch,
            run=self.fence.run,
            connection="c",
            table=TABLE,
            sys_id=sys_id_of(CORRELATION),
            correlation_id=CORRELATION,
            generation=1,
            seq=1,
            rule=RULE,
            fields={"short_description": text},
        )

    def sweep(self, *, parked: bool = False) -> None:
        """Leases run out; with `parked` the time of what was put off has come as well."""
        for part in ("leased", "parked") if parked else ("leased",):
            name = keys.queue("c", "write", part)
            for item in self.client.zrange(name, 0, -1):
                self.client.zadd(name, {octets(item): 1})
        WorkQueue(self.store, "c", "write").sweep()

    def settle(self) -> None:
        """Time passes until nothing is in flight: links are rebuilt, what was put off is done."""
        if not Register(self.store, "c").links_rebuilt(self.fence.epoch):
            self.rebuild()
        for number in range(4):
            self.sweep(parked=True)
            access = Access(self.instance, lambda _name: None, loses_answer=False, sent=lambda: None)
            Writer(self.store, access, NO_TIME).work(f"heir{number}")

    def _dirty(self) -> set[bytes]:
        return set(Groups(self.store, "c").dirty(RULE))

    def wrong(self) -> list[str]:
        """What is not as it must be once everything has come to rest."""
        found = []
        tickets = self.instance.records
        link = Links(self.store, "c").get(GROUP)
        if len(tickets) != 1:
            found.append(f"{len(tickets)} tickets")
        elif link is None or link.sys_id != tickets[0]["sys_id"]:
            found.append(f"linked to {link.sys_id if link else 'nothing'}")
        elif tickets[0]["short_description"] != self.text and GROUP not in self._dirty():
            found.append("the latest order is lost")
        if WorkQueue(self.store, "c", "write").size():
            found.append("the outbox is not empty")
        if Intents(self.store, "c").waiting([GROUP], 1e9):
            found.append("an intent is left")
        if sum(Runs(self.store, "c").groups(self.fence.run).reasons.values()) != 1:
            found.append("the group has no outcome, or more than one")
        return found
