"""The wiring: one gate, one clock, two clouds, one control; what listens where."""

from dataclasses import dataclass

from aiohttp import web

from services.simulator.clock import Clock
from services.simulator.clouds import AzureCloud, Instance, build_azure, build_servicenow
from services.simulator.gate import Gate
from services.simulator.options import AzureOptions, ServiceNowOptions


@dataclass(frozen=True, slots=True)
class Simulator:
    """Everything in one process; the four applications are its faces."""

    clock: Clock
    gate: Gate
    azure: AzureCloud
    servicenow: Instance

    def applications(self) -> dict[str, web.Application]:
        """The application of each listener, by its key in the ready line."""
        return {
            "azure": self.azure.arm_app,
            "login": self.azure.login_app,
            "servicenow": self.servicenow.app,
        }


def assemble(azure: AzureOptions, servicenow: ServiceNowOptions) -> Simulator:
    """Build both clouds around one gate and one clock."""
    clock, gate = Clock(), Gate()
    return Simulator(clock, gate, build_azure(azure, gate, clock), build_servicenow(servicenow, gate, clock))
