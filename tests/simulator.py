"""The simulator as a process of its own, for every test that needs two clouds."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

ROOT = Path(__file__).resolve().parents[1]


class Simulator:
    """`with Simulator(findings=2000) as sim:` starts `python -m services.simulator` and reads its ready line.

    The line's values are attributes (`sim.azure`, `sim.servicenow`, `sim.ca`, `sim.tenant_id`, …). Raises
    RuntimeError with the process' stderr when it does not come up in `start_seconds`.
    """

    azure: str
    login: str
    servicenow: str
    control_url: str
    ca: str
    tenant_id: str
    client_id: str
    client_secret: str
    servicenow_client_id: str
    servicenow_client_secret: str
    servicenow_user: str
    servicenow_password: str

    def __init__(
        self,
        *,
        findings: int = 2000,
        seed: int = 1,
        limits: str = "none",
        arguments: tuple[str, ...] = (),
        python: str = sys.executable,
        start_seconds: float = 60.0,
    ) -> None:
        self.command = [
            *(python, "-m", "services.simulator", "--port", "0", "--findings", str(findings)),
            *("--seed", str(seed), "--limits", limits, *arguments),
        ]
        self._start_seconds = start_seconds
        # Lives as long as this object and is deleted with it.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process: subprocess.Popen[str] | None = None
        self._session: requests.Session | None = None
        self.ready: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and read its ready line."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            self.command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        line = self._first_line(self._process)
        if not line:
            self._process.kill()
            self._process.wait()
            raise RuntimeError(f"the simulator did not start: {self.errors()[-2000:] or 'no output'}")
        self.ready = json.loads(line)
        for name, value in self.ready.items():
            setattr(self, "control_url" if name == "control" else name, value)
        self._session = self.session()

    def stop(self) -> int:
        """SIGTERM and wait; returns the exit code (0 after a clean end)."""
        if self._session is not None:
            self._session.close()
            self._session = None
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
        return code

    def errors(self) -> str:
        """What the process has written to stderr so far."""
        size = os.fstat(self._errors.fileno()).st_size
        # pread, since the process shares the file's offset.
        return os.pread(self._errors.fileno(), size, 0).decode(errors="replace").strip()

    @property
    def pid(self) -> int:
        """The process id, for measuring."""
        if self._process is None:
            raise RuntimeError("the simulator is not running")
        return self._process.pid

    def session(self) -> requests.Session:
        """A new session that trusts the simulator's CA only, whatever proxies the environment names."""
        session = requests.Session()
        session.trust_env = False
        session.verify = self.ca
        return session

    def azure_headers(self) -> dict[str, str]:
        """Authorization for ARM and Resource Graph, from the login listener."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": "https://management.azure.com/.default",
        }
        return self._bearer(f"{self.login}/{self.tenant_id}/oauth2/v2.0/token", form)

    def servicenow_headers(self) -> dict[str, str]:
        """Authorization for the instance by client credentials."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.servicenow_client_id,
            "client_secret": self.servicenow_client_secret,
        }
        return {**self._bearer(f"{self.servicenow}/oauth_token.do", form), "Accept": "application/json"}

    def _bearer(self, url: str, form: dict[str, str]) -> dict[str, str]:
        with self.session() as session:
            response = session.post(url, data=form, timeout=30)
        assert response.ok, f"{url}: {response.status_code} {response.text[:500]}"
        return {"Authorization": f"Bearer {response.json()['access_token']}"}

    def call(self, method: str, path: str, body: Any = None, *, seconds: float = 150.0) -> requests.Response:
        """A control request; `path` begins with a slash."""
        if self._session is None:
            raise RuntimeError("the simulator is not running")
        return self._session.request(method, f"{self.control_url}{path}", json=body, timeout=seconds)

    # Named as the endpoint, and `json` as in requests.
    def control(self, method: str, path: str, json: Any = None) -> Any:
        """A control request's JSON answer; raises AssertionError with its text if it is no 2xx."""
        response = self.call(method, path, json)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text[:500]}"
        return response.json()

    def rows(self, path: str) -> Iterator[dict[str, Any]]:
        """The rows of an NDJSON answer: `/azure/findings?…`, `/servicenow/tickets?table=…`."""
        response = self.call("GET", path)
        assert response.ok, f"GET {path}: {response.status_code} {response.text[:500]}"
        return (json.loads(line) for line in response.iter_lines() if line)

    def tickets(self, table: str = "incident") -> list[dict[str, str]]:
        """Raw records with all columns."""
        return list(self.rows(f"/servicenow/tickets?table={table}"))

    def ledger(self, table: str = "incident") -> dict[str, int]:
        """One table's line of the ledger: records, writes, duplicates, open, unmarked."""
        line: dict[str, int] = self.control("GET", "/ledger")["tables"][table]
        return line

    def fault(self, route: str, kind: str, **spec: Any) -> str:
        """Arm a fault; returns its id."""
        return str(self.control("POST", "/faults", {"route": route, "kind": kind, **spec})["id"])

    def barrier(self, route: str, when: str, **spec: Any) -> str:
        """Raise a barrier; returns its id."""
        return str(self.control("POST", "/barriers", {"route": route, "when": when, **spec})["id"])

    def wait_held(self, barrier: str, count: int = 1, seconds: float = 30.0) -> dict[str, Any]:
        """Wait until the barrier holds so many requests; raises AssertionError otherwise."""
        view: dict[str, Any] = self.control("GET", f"/barriers/{barrier}?wait={seconds}&held={count}")
        assert view["held"] >= count, f"held only {view['held']} of {count} in {seconds} s"
        return view

    def release(self, barrier: str, *, drop: bool = False) -> None:
        """Let the held requests go on, or cut them off."""
        self.control("POST", f"/barriers/{barrier}/release", {"drop": drop})

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        lines: list[str] = []

        def read() -> None:
            if process.stdout is not None:
                lines.append(process.stdout.readline())

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        reader.join(self._start_seconds)
        return lines[0] if lines else ""
