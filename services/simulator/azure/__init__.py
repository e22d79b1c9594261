"""The Azure side of the simulator: Entra ID, Resource Graph and ARM over one simulated tenant."""

from services.simulator.azure.cloud import AzureCloud
from services.simulator.clock import Clock
from services.simulator.gate import Gate
from services.simulator.options import AzureOptions


def build(options: AzureOptions, gate: Gate, clock: Clock) -> AzureCloud:
    """The cloud of these options; reads --load's files, opens nothing."""
    return AzureCloud(options, gate, clock)
