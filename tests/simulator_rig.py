"""A tiny server behind a real gate, real TLS and the real control API."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

import msgspec
import requests
from aiohttp import web

from services.simulator import tls
from services.simulator.clock import Clock
from services.simulator.control_base import refusals
from services.simulator.control_gate import GateControl
from services.simulator.gate import Gate
from services.simulator.listeners import address_of, close, listen
from services.simulator.middleware import witness

CREATE = "/api/now/table/incident"
BATCH = "/api/now/v1/batch"


class Rig:
    """POST to `CREATE` commits the body's `name`; POST to `BATCH` commits each of `items`."""

    def __init__(self, ca_dir: Path) -> None:
        self.ca_dir = ca_dir
        self.clock = Clock()
        self.gate = Gate(self.clock, seed=1)
        self.commits: list[str] = []
        self.urls: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runners: list[web.AppRunner] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def start(self) -> None:
        self._thread.start()
        self.run(self._start())

    def stop(self) -> None:
        self.run(close(self._runners))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application(middlewares=[witness(self.gate, "servicenow")])
        app.router.add_post(CREATE, self._create)
        app.router.add_post(BATCH, self._batch)
        control = web.Application(middlewares=[refusals])
        control.add_routes(GateControl(self.gate).routes())
        faces = {name: web.Application() for name in ("azure", "login")}
        address = address_of([])
        context = tls.server_context(tls.authority(self.ca_dir), list(address.names))
        self._runners, self.urls = await listen(
            {**faces, "servicenow": app, "control": control}, address, 0, context
        )

    async def _create(self, request: web.Request) -> web.StreamResponse:
        name = msgspec.json.decode(await request.read())["name"]
        await self.gate.before(request, "servicenow.table.create", "incident")
        self.commits.append(name)
        response = web.json_response({"result": {"name": name, "padding": "x" * 200}}, status=201)
        return await self.gate.after(request, "servicenow.table.create", response, "incident")

    async def _batch(self, request: web.Request) -> web.StreamResponse:
        names = msgspec.json.decode(await request.read())["items"]
        await self.gate.before(request, "servicenow.batch")
        statuses = []
        for name in names:
            try:
                await self.gate.before(request, "servicenow.table.create", "incident")
            except web.HTTPException as error:
                statuses.append(error.status)
                continue
            self.commits.append(name)
            item = await self.gate.after(
                request, "servicenow.table.create", web.Response(status=201), "incident"
            )
            statuses.append(item.status)
        return await self.gate.after(request, "servicenow.batch", web.json_response(statuses))

    def post(self, path: str, body: Mapping[str, Any], seconds: float = 10.0) -> requests.Response:
        """A request on its own connection, trusting only the rig's CA."""
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(self.ca_dir / tls.CA_FILE)
            return session.post(self.urls["servicenow"] + path, json=body, timeout=seconds)

    def create(self, name: str, seconds: float = 10.0) -> requests.Response:
        return self.post(CREATE, {"name": name}, seconds)

    def control(self, method: str, path: str, body: Any = None) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(self.ca_dir / tls.CA_FILE)
            return session.request(method, self.urls["control"] + path, json=body, timeout=20)

    def fault(self, kind: str, route: str = "servicenow.table.create", **spec: Any) -> None:
        answer = self.control("POST", "/faults", {"route": route, "kind": kind, **spec})
        assert answer.status_code == 201, answer.text

    def barrier(self, when: str, **spec: Any) -> str:
        answer = self.control("POST", "/barriers", {"route": "servicenow.table.create", "when": when, **spec})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])
