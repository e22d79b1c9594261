"""What the stages are built with."""

from dataclasses import dataclass

from common.errors import Skip
from common.observe.metrics import Metrics
from common.runtime.bells import Bells
from common.settings.connection import Connection
from common.settings.settings import Settings
from common.state.flow import Flow
from common.state.store import Store
from services.collector.counting import Requests
from services.collector.desk import Desk
from services.collector.memory import Memory
from services.collector.ports import ClientsOf, Connections


@dataclass(frozen=True, slots=True)
class Context:
    """Collaborators of the stages; holds no state of its own."""

    store: Store
    flow: Flow
    bells: Bells
    connections: Connections
    clients: ClientsOf
    metrics: Metrics
    requests: Requests
    memory: Memory
    settings: Settings

    def configured(self, connection: str) -> Connection:
        """The connection's configuration. Raises Skip `unknown_connection`."""
        found = self.connections.get(connection)
        if found is None:
            raise Skip("unknown_connection", f"there is no connection {connection!r} in connections.yaml")
        return found

    def desk(self, connection: str) -> Desk:
        """The state of a configured connection. Raises Skip `unknown_connection`."""
        self.configured(connection)
        return Desk(self.store, self.flow, connection)
