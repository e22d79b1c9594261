"""The collector's composition root: the only place where settings are read and clients are built."""

from common.runtime.assembly import drainer_of, flow_of, state_store
from common.runtime.bells import Bells
from common.runtime.service import Runtime
from common.settings.connections import load_connections
from common.settings.settings import Settings
from common.state.register import Register
from common.state.store import Store
from services.collector.clients import ClientPool
from services.collector.confirm import Confirm
from services.collector.context import Context
from services.collector.counting import Requests
from services.collector.memory import Memory
from services.collector.plan import Plan
from services.collector.ports import Connections
from services.collector.read import Read
from services.collector.rows import Rows
from services.collector.service import Collector
from services.collector.stage import CollectorStage
from services.collector.start import Start
from services.collector.tickets import Tickets
from services.collector.unit_tags import ReadTags

NAME = "collector"


def build(settings: Settings, runtime: Runtime) -> Collector:
    """Read the connections and build the collector. Raises ConfigurationError with every mistake."""
    connections = {one.id: one for one in load_connections(settings.connections_file)}
    store = state_store(settings, NAME)
    bells = Bells(store, runtime.post.ring, settings.bell_seconds, settings.page_chains)
    requests = Requests(runtime.metrics)
    context = Context(
        store=store,
        flow=flow_of(store, bells, settings, runtime.metrics),
        bells=bells,
        connections=connections,
        clients=ClientPool(settings, connections, store.client, requests),
        metrics=runtime.metrics,
        requests=requests,
        memory=Memory(store.client, settings.memory_ratio),
        settings=settings,
    )
    stages: list[CollectorStage] = [
        stage(context) for stage in (Tickets, Plan, Read, ReadTags, Confirm, Rows)
    ]
    drainer = drainer_of(store, settings, runtime, lambda connection: _rests(store, connections, connection))
    return Collector(context, drainer, {stage.queue: stage for stage in stages}, Start(context))


def _rests(store: Store, connections: Connections, connection: str) -> bool:
    """Whether nothing may be done for the connection now."""
    one = connections.get(connection)
    return one is None or not one.enabled or Register(store, connection).paused()
