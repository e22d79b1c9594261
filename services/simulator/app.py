"""The wiring: one gate, one clock, two clouds, one witness, one control; what listens where."""

from dataclasses import dataclass

from aiohttp import web

from services.simulator.clock import Clock
from services.simulator.clouds import build_azure, build_servicenow
from services.simulator.control import Control
from services.simulator.gate import Gate
from services.simulator.ledger import Ledger
from services.simulator.middleware import witness
from services.simulator.options import AzureOptions, ServiceNowOptions


@dataclass(frozen=True, slots=True)
class Faces:
    """The application of each listener, by its key in the ready line."""

    azure: web.Application
    login: web.Application
    servicenow: web.Application
    control: web.Application

    def by_name(self) -> dict[str, web.Application]:
        return {name: getattr(self, name) for name in self.__slots__}


def assemble(azure_options: AzureOptions, servicenow_options: ServiceNowOptions) -> Faces:
    """Build both clouds around one gate and one clock, and set the witness around their handlers.

    A cloud plugs in with plain applications; their handlers call `gate.before` and `gate.after`.
    """
    clock = Clock()
    gate = Gate(clock, azure_options.seed)
    azure = build_azure(azure_options, gate, clock)
    servicenow = build_servicenow(servicenow_options, gate, clock)
    ledger = Ledger(servicenow, servicenow_options.user)
    servicenow.on_commit(ledger.committed)
    for face, app in (
        ("azure", azure.arm_app),
        ("login", azure.login_app),
        ("servicenow", servicenow.app),
    ):
        app.middlewares.insert(0, witness(gate, face))
    return Faces(
        azure=azure.arm_app,
        login=azure.login_app,
        servicenow=servicenow.app,
        control=Control(gate, clock, azure, servicenow, ledger).app(),
    )
