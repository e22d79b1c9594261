"""Control of the two clouds: limits, modes, changes as Azure and people make them, and the ground truth."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from services.simulator.clouds import AzureCloud, Instance, limit_names
from services.simulator.control_base import answer, body_of, lines


class CloudControl:
    """Handlers over the Azure side and the ServiceNow side."""

    def __init__(self, azure: AzureCloud, servicenow: Instance) -> None:
        self._azure = azure
        self._servicenow = servicenow

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/limits", self.limits),
            web.get("/modes", self.modes),
            web.post("/modes", self.set_modes),
            web.post("/azure/change", self.azure_change),
            web.get("/azure/findings", self.findings),
            web.post("/servicenow/change", self.servicenow_change),
            web.get("/servicenow/tickets", self.tickets),
        ]

    async def limits(self, request: web.Request) -> web.Response:
        """`{"mode", …}`; each further key is a limit of one side (azure/limits.py, servicenow/traffic.py)."""
        overrides = await body_of(request)
        mode = str(overrides.pop("mode", ""))
        if mode not in {"none", "realistic"}:
            raise ValueError(f"mode: {mode!r} is neither 'none' nor 'realistic'")
        azure, servicenow = limit_names()
        if unknown := sorted(overrides.keys() - azure - servicenow):
            known = ", ".join(sorted(azure | servicenow))
            raise ValueError(f"unknown limits {', '.join(unknown)}; known: {known}")
        self._azure.set_limits(mode, {k: v for k, v in overrides.items() if k in azure})
        self._servicenow.set_limits(mode, {k: v for k, v in overrides.items() if k in servicenow})
        return answer({"mode": mode, **overrides})

    async def modes(self, _: web.Request) -> web.Response:
        return answer(self._modes())

    async def set_modes(self, request: web.Request) -> web.Response:
        """All names are checked before any is set; a name that both sides know is set on both."""
        body = await body_of(request)
        known = self._modes()
        for name in body:
            if not any(name in modes for modes in known.values()):
                raise ValueError(f"unknown mode {name!r}: GET /modes lists the known ones")
        for name, value in body.items():
            for side, cloud in (("azure", self._azure), ("servicenow", self._servicenow)):
                if name in known[side]:
                    cloud.set_mode(name, value)
        return answer(self._modes())

    async def azure_change(self, request: web.Request) -> web.Response:
        return answer(self._azure.change(await body_of(request)))

    async def servicenow_change(self, request: web.Request) -> web.Response:
        return answer(self._servicenow.change(await body_of(request)))

    async def findings(self, request: web.Request) -> web.Response:
        """NDJSON, one assessment row a line; the query's parameters are filters."""
        return lines(self._azure.findings(dict(request.query)))

    async def tickets(self, request: web.Request) -> web.Response:
        """NDJSON, one raw record a line, all columns."""
        return lines(self._servicenow.records(request.query.get("table", "incident")))

    def _modes(self) -> dict[str, Mapping[str, Any]]:
        return {"azure": self._azure.modes(), "servicenow": self._servicenow.modes()}
