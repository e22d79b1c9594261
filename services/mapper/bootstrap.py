"""The mapper's composition root: the only place where settings are read and clients are built."""

from collections.abc import Iterable, Mapping, Sequence

from common.messages import Doorbell
from common.observe import names
from common.observe.metrics import Sample
from common.runtime import queues
from common.runtime.assembly import drainer_of, flow_of, state_store
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
from common.state.runs import Runs
from common.state.store import Store
from services.mapper import tasks
from services.mapper.run_view import Views
from services.mapper.stage_decide import DecideStage
from services.mapper.stage_finish import FinishStage
from services.mapper.stage_map import MapStage
from services.mapper.stage_observe import ObserveStage
from services.mapper.stage_render import RenderStage

NAME = "mapper"
_LOOKS = 2  # units come one after the other: a hop of Celery for each costs more than looking twice
QUEUES = tuple(name for name, lane in LANES.items() if lane == queues.MAP)


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
        self._store = store
        self._connections = frozenset(connections)
        self._bells = bells
        self._flow = flow
        self._drainer = drainer
        self._stages = {stage.queue: stage for stage in stages}

    @property
    def tasks(self) -> Mapping[str, TaskHandler]:
        return {queues.MAP: tasks.drain(self)}

    def answer(self, bell: Doorbell) -> None:
        """Work on the bell's queue; ring for what is left."""
        stage, bells = self._stages.get(bell.queue), self._bells
        if stage is None or bell.connection not in self._connections:
            bells.answered(bell)
        elif self._drainer.run(stage, bell.connection, lambda: bells.answered(bell)):
            bells.ring(bell.connection, bell.queue)

    def sweep(self) -> None:
        """Return what is overdue, ring for what waits, and move runs on that nobody moved."""
        sweep_queues(self._store, self._bells, self._connections, QUEUES)
        epoch = self._store.epoch()
        for connection in self._connections:
            self._flow.resume(connection, epoch)

    def scrape(self) -> Iterable[Sample]:
        """The mapper's queues and what is held, as they stand in Redis."""
        for name in QUEUES:
            depths = [WorkQueue(self._store, connection, name).depth() for connection in self._connections]
            yield Sample(names.QUEUE_READY, sum(depth.ready for depth in depths), (name,))
            yield Sample(names.QUEUE_LEASED, sum(depth.leased for depth in depths), (name,))
            yield Sample(names.QUEUE_PARKED, sum(depth.parked for depth in depths), (name,))
            yield Sample(names.OLDEST_MESSAGE, max((d.oldest_seconds for d in depths), default=0.0), (name,))
        for connection in self._connections:
            yield Sample(names.HELD, Holds(self._store, connection).count(), (connection,))
            yield from self._ledgers(connection)

    def _ledgers(self, connection: str) -> Iterable[Sample]:
        """Whether the last complete run's ledgers add up."""
        run = Register(self._store, connection).get("last_run")
        record = Runs(self._store, connection).record(run) if run else {}
        for ledger in ("findings", "groups"):
            broken = record.get(f"{ledger}_balanced", "1") != "1"
            yield Sample(names.LEDGER_BROKEN, int(broken), (connection, ledger))

    def close(self) -> None:
        """Close the connections to Redis."""
        self._store.client.close()


def build(settings: Settings, runtime: Runtime) -> Mapper:
    """Read the connections and build the mapper. Raises ConfigurationError with every mistake."""
    connections = [one for one in load_connections(settings.connections_file) if one.enabled]
    store = state_store(settings, NAME)
    bells = Bells(store, runtime.post.ring, settings.bell_seconds, settings.concurrency)
    flow = flow_of(store, bells, settings, runtime.metrics)
    views = Views(store, flow)
    finish = FinishStage(views)
    stages: list[Stage] = [
        ObserveStage(views, lambda connection: runtime.metrics.count(names.DUPLICATES_FOUND, connection)),
        MapStage(views, finish.finish),
        finish,
        DecideStage(views),
        RenderStage(views, {one.id: one for one in connections}),
    ]
    drainer = drainer_of(store, settings, runtime, looks=_LOOKS)
    return Mapper(store, [one.id for one in connections], bells, flow, drainer, stages)
