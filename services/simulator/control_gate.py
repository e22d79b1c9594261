"""Control of the gate: counters, latencies, faults and barriers."""

import msgspec
from aiohttp import web

from services.simulator.barriers import BarrierSpec, Verdict
from services.simulator.control_base import answer, spec_of
from services.simulator.faults import FaultSpec
from services.simulator.gate import Gate

_LONGEST_WAIT = 120.0


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /latency`: seconds added to every request of a route (shell pattern); 0 takes it away."""

    route: str
    seconds: float


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /barriers/{id}/release`: `drop` cuts the held requests off instead (before: no commit at all)."""

    drop: bool = False


class GateControl:
    """Handlers over one gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/requests", self.requests),
            web.post("/requests/reset", self.reset_requests),
            web.post("/latency", self.latency),
            web.post("/faults", self.arm),
            web.get("/faults", self.faults),
            web.delete("/faults", self.disarm),
            web.post("/barriers", self.raise_barrier),
            web.get("/barriers", self.barriers),
            web.get("/barriers/{id}", self.barrier),
            web.post("/barriers/{id}/release", self.release),
            web.delete("/barriers/{id}", self.remove),
        ]

    async def requests(self, _: web.Request) -> web.Response:
        return answer(self._gate.counts.snapshot())

    async def reset_requests(self, _: web.Request) -> web.Response:
        self._gate.counts.reset()
        return answer(self._gate.counts.snapshot())

    async def latency(self, request: web.Request) -> web.Response:
        spec = await spec_of(request, Latency)
        if spec.seconds > 0:
            self._gate.latencies[spec.route] = spec.seconds
        else:
            self._gate.latencies.pop(spec.route, None)
        return answer(self._gate.latencies)

    async def arm(self, request: web.Request) -> web.Response:
        return answer({"id": self._gate.faults.arm(await spec_of(request, FaultSpec)).id}, 201)

    async def faults(self, _: web.Request) -> web.Response:
        return answer(self._gate.faults.views())

    async def disarm(self, _: web.Request) -> web.Response:
        self._gate.faults.clear()
        return answer([])

    async def raise_barrier(self, request: web.Request) -> web.Response:
        return answer({"id": self._gate.barriers.raise_(await spec_of(request, BarrierSpec)).id}, 201)

    async def barriers(self, _: web.Request) -> web.Response:
        return answer(self._gate.barriers.views())

    async def barrier(self, request: web.Request) -> web.Response:
        """`?wait=SECONDS` answers when `?held=N` (1) requests are held, or when the time is over."""
        barrier = self._gate.barriers.get(request.match_info["id"])
        seconds = min(float(request.query.get("wait", "0")), _LONGEST_WAIT)
        if seconds > 0:
            await barrier.wait_held(int(request.query.get("held", "1")), seconds)
        return answer(barrier.view())

    async def release(self, request: web.Request) -> web.Response:
        barrier = self._gate.barriers.get(request.match_info["id"])
        drop = (await spec_of(request, Release)).drop if await request.read() else False
        verdict: Verdict = "drop" if drop else "go"
        return answer({"released": await barrier.release(verdict)})

    async def remove(self, request: web.Request) -> web.Response:
        await self._gate.barriers.remove(request.match_info["id"])
        return answer({})
