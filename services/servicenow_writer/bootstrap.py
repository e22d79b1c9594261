"""The writer's composition root: the only place where settings are read and clients are built."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from common.observe import names
from common.observe.metrics import Sample
from common.runtime import queues
from common.runtime.assembly import drainer_of, flow_of, state_store
from common.runtime.bells import Bells
from common.runtime.drain import Drainer
from common.runtime.service import Runtime, TaskHandler
from common.runtime.sweeping import sweep_queues
from common.servicenow.instance import Gate
from common.settings.connection import Connection
from common.settings.connections import load_connections
from common.settings.settings import Settings
from common.state.budget import Bucket, Permits
from common.state.holds import DeadLetters
from common.state.queue import WorkQueue
from common.state.store import Store
from services.servicenow_writer import tasks
from services.servicenow_writer.clients import ClientPool
from services.servicenow_writer.counting import CountedRequests
from services.servicenow_writer.stage import QUEUE, WriteStage

NAME = "servicenow_writer"
_PERMIT_MARGIN = 5.0  # seconds


class Writer:
    """Implements common.runtime.service.Service."""

    queues = (queues.WRITE, queues.WRITE_URGENT)

    def __init__(
        self,
        store: Store,
        connections: Mapping[str, Connection],
        bells: Bells,
        drainer: Drainer,
        stage: WriteStage,
    ) -> None:
        self.store = store
        self.connections = connections
        self.bells = bells
        self._drainer = drainer
        self._stage = stage
        # More threads than permits would only claim work and give it back.
        self._turns = {
            name: threading.BoundedSemaphore(one.servicenow.in_flight) for name, one in connections.items()
        }

    @property
    def tasks(self) -> Mapping[str, TaskHandler]:
        return {name: tasks.write(self) for name in self.queues}

    def drain(self, connection: str) -> None:
        """Work on a connection's orders; ring for what is left."""
        turn = self._turns[connection]
        if not turn.acquire(blocking=False):
            return
        try:
            left = self._drainer.run(self._stage, connection)
        finally:
            turn.release()
        if left:
            self.bells.ring(connection, QUEUE)

    def sweep(self) -> None:
        """Return what is overdue and ring for what waits."""
        sweep_queues(self.store, self.bells, self.connections, [QUEUE])

    def scrape(self) -> Iterable[Sample]:
        """The write queues, unconfirmed orders and dead letters as they stand in Redis."""
        now, depths = time.time(), []
        for connection in self.connections:
            depth = WorkQueue(self.store, connection, QUEUE).depth()
            depths.append(depth)
            unconfirmed = depth.leased + depth.parked
            yield Sample(names.OUTBOX_UNCONFIRMED, unconfirmed, (connection,))
            yield Sample(
                names.OUTBOX_UNCONFIRMED_AGE, depth.oldest_seconds if unconfirmed else 0, (connection,)
            )
            letters = DeadLetters(self.store, connection)
            ages = [now - float(letter.get("at", now)) for _, letter in letters.all()]
            yield Sample(names.DEAD_LETTERS, len(ages), (connection,))
            yield Sample(names.DEAD_LETTER_AGE, max(ages, default=0.0), (connection,))
        yield Sample(names.QUEUE_READY, sum(depth.ready for depth in depths), (QUEUE,))
        yield Sample(names.QUEUE_LEASED, sum(depth.leased for depth in depths), (QUEUE,))
        yield Sample(names.QUEUE_PARKED, sum(depth.parked for depth in depths), (QUEUE,))
        yield Sample(names.OLDEST_MESSAGE, max((d.oldest_seconds for d in depths), default=0.0), (QUEUE,))

    def close(self) -> None:
        """Close the connections to Redis."""
        self.store.client.close()


def build(settings: Settings, runtime: Runtime) -> Writer:
    """Read the connections and build the writer. Raises ConfigurationError with every mistake."""
    found = load_connections(settings.connections_file)
    connections = {one.id: one for one in found if one.enabled}
    store = state_store(settings, NAME)
    bells = Bells(store, runtime.post.ring, settings.bell_seconds, settings.concurrency)
    requests = CountedRequests(runtime.metrics)
    clients = ClientPool(settings, connections, _gate_of(settings, store), requests)
    flow = flow_of(store, bells, settings, runtime.metrics)
    stage = WriteStage(store, settings, clients, flow, runtime.metrics, requests)
    drainer = drainer_of(store, settings, runtime)
    return Writer(store, connections, bells, drainer, stage)


def _gate_of(settings: Settings, store: Store) -> Callable[[Connection], Gate]:
    """The fleet's permits, by instance: several connections may share one."""

    def gate(connection: Connection) -> Gate:
        servicenow, client = connection.servicenow, store.client
        cap = servicenow.requests_per_hour
        return Permits(
            client,
            servicenow.url,
            limit=servicenow.in_flight,
            # No request outlives its lease on the work, so a killed holder's permit needn't either.
            lease_seconds=settings.lease_seconds + _PERMIT_MARGIN,
            hourly=Bucket.hourly(client, servicenow.url, cap) if cap else None,
        )

    return gate
