"""The simulated instance served in this process, over http and over https, for foreign clients."""

import asyncio
import base64
import json
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import trustme
from aiohttp import web

from services.simulator.clock import Clock
from services.simulator.gate import Gate
from services.simulator.options import servicenow_options
from services.simulator.servicenow import Instance, build
from services.simulator.servicenow.seed_names import REST_ADMIN

INCIDENT = "/api/now/table/incident"


class Host:
    """`with Host(folder) as host:` gives `host.http`, `host.https`, `host.ca`, and calls as our user."""

    def __init__(self, folder: Path) -> None:
        self.options = servicenow_options(1, "none")
        self.clock = Clock()
        self.gate = Gate(self.clock)
        self.instance: Instance = build(self.options, self.gate, self.clock)
        self.ca = str(folder / "ca.pem")
        self.http = ""
        self.https = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.session = requests.Session()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        self.session.trust_env = False
        self.session.auth = self.user
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    @property
    def user(self) -> tuple[str, str]:
        return self.options.user, self.options.password

    @property
    def administrator(self) -> tuple[str, str]:
        """A web-service-only administrator: may delete and read everything."""
        return REST_ADMIN, self.options.password

    async def _start(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        self._runner = web.AppRunner(self.instance.app, handler_cancellation=False, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        plain, secure = (address[1] for address in self._runner.addresses)
        self.http, self.https = f"http://127.0.0.1:{plain}", f"https://localhost:{secure}"

    def on_loop(self, work: Callable[[], Any]) -> Any:
        """Run a function on the server's thread, as control does."""

        async def run() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def mode(self, name: str, value: Any) -> None:
        self.on_loop(lambda: self.instance.set_mode(name, value))

    def reset(self) -> None:
        self.on_loop(self.instance.reset)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """A request as our user (or `auth`) over http."""
        return self.session.request(method, self.http + path, json=body, timeout=20, **options)

    def create(self, table: str = "incident", **values: Any) -> dict[str, Any]:
        """Create a record, references as plain sys_ids."""
        path = f"/api/now/table/{table}?sysparm_exclude_reference_link=true"
        response = self.call("POST", path, values)
        assert response.status_code == 201, response.text
        record: dict[str, Any] = response.json()["result"]
        return record

    def patch(self, table: str, sys_id: str, **values: Any) -> requests.Response:
        return self.call(
            "PATCH", f"/api/now/table/{table}/{sys_id}?sysparm_exclude_reference_link=true", values
        )

    def find(self, table: str, query: str, **params: str) -> list[dict[str, Any]]:
        """The rows of an encoded query."""
        response = self.call("GET", f"/api/now/table/{table}", params={"sysparm_query": query, **params})
        assert response.status_code == 200, response.text
        rows: list[dict[str, Any]] = response.json()["result"]
        return rows

    def batch(self, items: Sequence[Mapping[str, Any]]) -> requests.Response:
        """Items as (id, method, url, body object)."""
        requests_ = [
            {
                "id": item["id"],
                "method": item.get("method", "POST"),
                "url": item.get("url", INCIDENT),
                "headers": [{"name": "Content-Type", "value": "application/json"}],
                "body": base64.b64encode(json.dumps(item.get("body", {})).encode()).decode(),
            }
            for item in items
        ]
        body = {"batch_request_id": "7", "rest_requests": requests_}
        return self.call("POST", "/api/now/v1/batch", body)
