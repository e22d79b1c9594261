"""The collector as the runtime runs it: bells to stages, the sweep, and what is read at scrape."""

import threading
from collections.abc import Iterable, Mapping

from common.messages import START_RUN, Doorbell, StartRun
from common.observe import names
from common.observe.logs import log
from common.observe.metrics import Sample
from common.runtime import queues
from common.runtime.drain import Drainer, Stage
from common.runtime.service import TaskHandler
from common.runtime.sweeping import sweep_queues
from common.state.queue import WorkQueue
from common.state.register import Register
from services.collector import tasks
from services.collector.context import Context
from services.collector.start import Start


class Collector:
    """Implements common.runtime.service.Service."""

    queues = (queues.COLLECT_POLL, queues.COLLECT_BULK)

    def __init__(self, context: Context, drainer: Drainer, stages: Mapping[str, Stage], start: Start) -> None:
        self._context = context
        self._drainer = drainer
        self._stages = stages
        self._start = start
        # Bulk reading leaves a thread to what must not wait behind it.
        chains = min(context.settings.page_chains, max(1, context.settings.concurrency - 1))
        self._bulk = threading.BoundedSemaphore(chains)

    @property
    def tasks(self) -> Mapping[str, TaskHandler]:
        ring = tasks.bell(self)
        return {
            queues.COLLECT_POLL: ring,
            queues.COLLECT_BULK: ring,
            START_RUN: tasks.start_run(self),
        }

    def start(self, message: StartRun) -> None:
        """Begin a run."""
        self._start(message)

    def answer(self, bell: Doorbell) -> None:
        """Work on the bell's queue; ring for what is left."""
        context, stage = self._context, self._stages.get(bell.queue)
        if stage is None or bell.connection not in context.connections:
            log("collector").warning("bell_dropped", connection=bell.connection, queue=bell.queue)
        elif bell.epoch == context.store.known_epoch():
            if bell.queue != "read":
                self._drain(stage, bell)
                return
            if self._bulk.acquire(blocking=False):
                try:
                    self._drain(stage, bell)
                finally:
                    self._bulk.release()
                return
        context.bells.answered(bell)

    def _drain(self, stage: Stage, bell: Doorbell) -> None:
        bells = self._context.bells
        left = self._drainer.run(stage, bell.connection, lambda: bells.answered(bell))
        if left:
            bells.ring(bell.connection, bell.queue, left)

    def sweep(self) -> None:
        """Return what is overdue, ring for what waits, move runs on that nobody moved."""
        context = self._context
        connections = [name for name, one in context.connections.items() if one.enabled]
        sweep_queues(context.store, context.bells, connections, self._stages)
        epoch = context.store.known_epoch()
        for connection in connections if epoch else ():
            context.flow.resume(connection, epoch)

    def scrape(self) -> Iterable[Sample]:
        """Depths of the collector's queues, runs, scopes and memory, as they stand in Redis."""
        yield Sample(names.REDIS_MEMORY_RATIO, self._context.memory.used())
        for queue in self._stages:
            depths = [
                WorkQueue(self._context.store, name, queue).depth() for name in self._context.connections
            ]
            yield Sample(names.QUEUE_READY, sum(depth.ready for depth in depths), (queue,))
            yield Sample(names.QUEUE_LEASED, sum(depth.leased for depth in depths), (queue,))
            yield Sample(names.QUEUE_PARKED, sum(depth.parked for depth in depths), (queue,))
            oldest = max((depth.oldest_seconds for depth in depths), default=0.0)
            yield Sample(names.OLDEST_MESSAGE, oldest, (queue,))
        for name in self._context.connections:
            yield from self._of_connection(name)

    def _of_connection(self, name: str) -> Iterable[Sample]:
        register = Register(self._context.store, name)
        good = register.get("last_good")
        if good:
            yield Sample(names.LAST_COMPLETE_RUN, float(good), (name,))
        scope = register.document("scope")
        for state in ("subscriptions", "lost", "claimed"):
            label = "in_scope" if state == "subscriptions" else state
            yield Sample(names.SUBSCRIPTIONS, len(scope.get(state, ())), (name, label))

    def close(self) -> None:
        """Close the connections to Redis."""
        self._context.store.client.close()
