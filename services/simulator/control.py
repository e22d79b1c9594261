"""The control application: `{control}` of the ready line. No sign-in; never expose it."""

from aiohttp import web

from services.simulator.clock import Clock
from services.simulator.clouds import AzureCloud, Instance
from services.simulator.control_base import answer, body_of, refusals
from services.simulator.control_clouds import CloudControl
from services.simulator.control_gate import GateControl
from services.simulator.gate import Gate
from services.simulator.ledger import Ledger

_LARGEST_BODY = 64 * 2**20  # a change may list a hundred thousand ids


class Control:
    """Health, reset, clock and ledger; the rest is in `GateControl` and `CloudControl`."""

    def __init__(
        self, gate: Gate, clock: Clock, azure: AzureCloud, servicenow: Instance, ledger: Ledger
    ) -> None:
        self._gate = gate
        self._clock = clock
        self._clouds = (azure, servicenow)
        self._ledger = ledger
        self._parts = (GateControl(gate), CloudControl(azure, servicenow))

    def app(self) -> web.Application:
        app = web.Application(middlewares=[refusals], client_max_size=_LARGEST_BODY)
        app.add_routes(
            [
                web.get("/health", self.health),
                web.post("/reset", self.reset),
                web.get("/clock", self.clock),
                web.post("/clock", self.advance),
                web.get("/ledger", self.ledger),
                *(route for part in self._parts for route in part.routes()),
            ]
        )
        return app

    async def health(self, _: web.Request) -> web.Response:
        return answer({"status": "ok"})

    async def reset(self, _: web.Request) -> web.Response:
        """Everything as at the start: held requests are cut off first, so that none commits afterwards."""
        await self._gate.reset()
        self._clock.reset()
        for cloud in self._clouds:
            cloud.reset()
        self._ledger.reset()
        return answer({"status": "ok"})

    async def clock(self, _: web.Request) -> web.Response:
        return answer({"now": self._clock.now().isoformat(), "shift_seconds": self._clock.shift_seconds})

    async def advance(self, request: web.Request) -> web.Response:
        """`{"advance": SECONDS}` shifts simulated wall time; rate windows keep real time."""
        self._clock.advance(float((await body_of(request))["advance"]))
        return await self.clock(request)

    async def ledger(self, _: web.Request) -> web.Response:
        return answer(self._ledger.snapshot())
