"""The mapper's composition root: the only place where settings are read and clients are built."""

from collections.abc import Iterable, Mapping, Sequence

import redis

from common.observe import names
from common.observe.metrics import Metrics, Sample
from common.runtime import queues
from common.runtime.bells import LANES, Bells
from common.runtime.drain import Drainer, Stage
from common.runtime.service import Runtime, TaskHandler
from common.runtime.sweeping import sweep_queues
from common.settings.connections import load_connections
from common.settings.settings import Settings
from common.state.flow import Flow
from common.state.holds import Holds
from common.state.queue import WorkQueue
from common.state.register import Register
from common.state.store import Store
from services.mapper import tasks
from services.mapper.run_view import Views
from services.mapper.stage_decide import DecideStage
from services.mapper.stage_finish import FinishStage
from services.mapper.stage_map import MapStage
from services.mapper.stage_observe import ObserveStage
from services.mapper.stage_render import RenderStage

NAME = "mapper"
QUEUES = tuple(name for name, lane in LANES.items() if lane == queues.MAP)
_TURN_SECONDS = 60.0  # of one bell; then it is rung again, so that connections take turns


class Mapper:
    """Implements common.runtime.service.Service."""

    queues = (queues.MAP,)

    def __init__(
        self,
        store: Store,
        connections: Sequence[str],
        bells: Bells,
        flow: Flow,
        drainer: Drainer,
        stages: Sequence[Stage],
    ) -> None:
        self.store = store
        self.connections = frozenset(connections)
        self.bells = bells
        self._flow = flow
        self._drainer = drainer
        self._stages = {stage.queue: stage for stage in stages}

    @property
    def tasks(self) -> Mapping[str, TaskHandler]:
        return {queues.MAP: tasks.drain(self)}

    def drain(self, connection: str, queue: str) -> None:
        """Work on one queue of a connection; ring for what is left."""
        stage = self._stages.get(queue)
        if stage is not None and self._drainer.run(stage, connection):
            self.bells.ring(connection, queue)

    def sweep(self) -> None:
        """Return what is overdue, ring for what waits, and move runs on that nobody moved."""
        sweep_queues(self.store, self.bells, self.connections, QUEUES)
        epoch = self.store.epoch()
        for connection in self.connections:
            self._flow.resume(connection, epoch)

    def scrape(self) -> Iterable[Sample]:
        """The mapper's queues and what is held, as they stand in Redis."""
        for name in QUEUES:
            depths = [WorkQueue(self.store, connection, name).depth() for connection in self.connections]
            yield Sample(names.QUEUE_READY, sum(depth.ready for depth in depths), (name,))
            yield Sample(names.QUEUE_LEASED, sum(depth.leased for depth in depths), (name,))
            yield Sample(names.QUEUE_PARKED, sum(depth.parked for depth in depths), (name,))
            yield Sample(names.OLDEST_MESSAGE, max((d.oldest_seconds for d in depths), default=0.0), (name,))
        for connection in self.connections:
            yield Sample(names.HELD, Holds(self.store, connection).count(), (connection,))

    def close(self) -> None:
        """Close the connections to Redis."""
        self.store.client.close()


def build(settings: Settings, runtime: Runtime) -> Mapper:
    """Read the connections and build the mapper. Raises ConfigurationError with every mistake."""
    connections = [one for one in load_connections(settings.connections_file) if one.enabled]
    store = Store(_redis(settings))
    bells = Bells(store, runtime.post.ring, settings.bell_seconds, settings.concurrency)
    flow = Flow(store, bells, window=settings.decision_window)
    views = Views(store, flow)
    finish = FinishStage(views)
    stages: list[Stage] = [
        ObserveStage(views),
        MapStage(views, finish.finish),
        finish,
        DecideStage(views),
        RenderStage(views, {one.id: one for one in connections}),
    ]
    drainer = Drainer(
        lambda connection, queue: WorkQueue(store, connection, queue),
        lease_seconds=settings.lease_seconds,
        budget_seconds=min(_TURN_SECONDS, settings.task_seconds),
        paused=lambda connection: Register(store, connection).paused(),
        failure=_counted(runtime.metrics),
    )
    return Mapper(store, [one.id for one in connections], bells, flow, drainer, stages)


def _counted(metrics: Metrics) -> tasks.Failure:
    return lambda queue, reason: metrics.count(names.TASKS, queue, "parked", reason)


def _redis(settings: Settings) -> redis.Redis:
    return redis.Redis.from_url(
        settings.redis_state_url.get_secret_value(),
        socket_timeout=10,
        socket_connect_timeout=5,
        socket_keepalive=True,
        health_check_interval=10,
        client_name=f"isthmus-{NAME}",
    )
