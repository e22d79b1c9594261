"""A stand-in ServiceNow instance: Table, Batch, Attachment, Aggregate, Import Set and Change APIs, OAuth."""

from services.simulator.clock import Clock
from services.simulator.gate import Gate
from services.simulator.options import ServiceNowOptions
from services.simulator.servicenow.instance import Instance

__all__ = ["Instance", "build"]


def build(options: ServiceNowOptions, gate: Gate, clock: Clock) -> Instance:
    """A fresh instance around the given gate and clock."""
    return Instance(options, gate, clock)
