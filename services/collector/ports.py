"""What the stages are given of the two clouds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from common.azure.arm import Arm
from common.azure.resource_graph import ResourceGraph
from common.servicenow.table import TableClient
from common.settings.connection import Connection

Connections = Mapping[str, Connection]


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one connection."""

    graph: ResourceGraph
    arm: Arm
    tables: TableClient


class ClientsOf(Protocol):
    """Gives clients by connection, built on first use."""

    def of(self, connection: str) -> Clients: ...

    def renew(self, connection: str) -> bool:
        """Read mounted secrets again; answers whether they changed, so that another try makes sense."""
        ...
