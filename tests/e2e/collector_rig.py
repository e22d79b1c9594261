"""The collector between a real Redis and the simulator: its stages driven by hand, or as a real process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import redis
import yaml
import zstandard
from pydantic import SecretStr

from common.identity import unit_key
from common.messages import StartRun
from common.observe.metrics import Metrics
from common.rules.loader import load_rules
from common.runtime.celery_app import build_app
from common.runtime.post import Post
from common.runtime.service import Runtime
from common.settings.settings import Settings
from common.state import keys
from common.state.approvals import Approvals
from common.state.directory import Directory
from common.state.pages import Pages
from common.state.queue import WorkQueue
from common.state.register import Register
from common.state.runs import Runs, UnitRecord
from common.state.store import Fence, Store
from deploy.dev.redis_process import RedisProcess, free_port
from services.collector.bootstrap import build
from tests.simulator import ROOT, Simulator

CONNECTION = "demo"
RULES = """
version: 1
rules:
  - id: per-recommendation
    when: {kind: recommendation}
    group: [recommendation]
    ticket: {type: incident, assign: ["Cloud Security"]}
"""
_WORKED = ("tickets", "plan", "read", "tags", "confirm", "rows")


class Rig:
    """Configures connections to a simulator and runs the collector on an empty Redis."""

    def __init__(
        self, server: RedisProcess, simulator: Simulator, directory: Path, scope: Mapping[str, Any]
    ) -> None:
        self.simulator = simulator
        self.directory = directory
        self._server = server
        self.store = Store(redis.Redis.from_url(server.url(1)))
        self.epoch = self.store.epoch()
        self._processes: list[subprocess.Popen[bytes]] = []
        self.scopes: dict[str, Mapping[str, Any]] = {CONNECTION: scope}
        self.secret = directory / "azure.secret"
        self.secret.write_text(simulator.client_secret)
        self.configure()
        self.use()

    def configure(self, rules: str = RULES) -> None:
        """Write connections.yaml and the rules."""
        (self.directory / "rules.yaml").write_text(rules)
        entries = [self._entry(name, scope) for name, scope in self.scopes.items()]
        text = yaml.safe_dump({"version": 1, "connections": entries})
        (self.directory / "connections.yaml").write_text(text)
        (self.directory / "servicenow.secret").write_text(self.simulator.servicenow_client_secret)

    def _entry(self, name: str, scope: Mapping[str, Any]) -> dict[str, Any]:
        ready = self.simulator.ready
        azure = {
            "tenant_id": ready["tenant_id"],
            "client_id": ready["client_id"],
            "credential": {"kind": "client_secret", "secret": {"file": "azure.secret"}},
            "authority": ready["login"],
            "resource_manager": ready["azure"],
            "ca_bundle": ready["ca"],
        }
        servicenow = {
            "url": ready["servicenow"],
            "user": ready["servicenow_user"],
            "auth": {
                "kind": "client_credentials",
                "client_id": ready["servicenow_client_id"],
                "client_secret": {"file": "servicenow.secret"},
            },
            "ca_bundle": ready["ca"],
        }
        return {
            "id": name,
            "azure": azure,
            "servicenow": servicenow,
            "scope": dict(scope),
            "rules": "rules.yaml",
        }

    def use(self, connection: str = CONNECTION, **settings: Any) -> None:
        """(Re)build the collector in this process, and look at `connection` from now on."""
        self.connection = connection
        values: dict[str, Any] = {
            "redis_broker_url": SecretStr(self._server.url(0)),
            "redis_state_url": SecretStr(self._server.url(1)),
            "config_dir": self.directory,
            "quota_calls": 100_000,
            "page_size": 100,
            **settings,
        }
        made = Settings(**values)
        runtime = Runtime("collector", Metrics("collector"), Post(build_app("collector", made)))
        self.metrics = runtime.metrics
        self.collector = build(made, runtime)
        self.runs = Runs(self.store, connection)
        self.register = Register(self.store, connection)
        self.directory_state = Directory(self.store, connection)
        self.know_links()

    def know_links(self) -> None:
        """As if a mapper had rebuilt the links: until then no unit is read."""
        self.register.update(Fence(self.epoch), {"rebuilt": self.epoch})

    def approve(self, subscriptions: Sequence[str] = ()) -> None:
        """Let live runs start, as if a person had approved the rules (and these subscriptions)."""
        rules = load_rules(self.directory / "rules.yaml")
        Approvals(self.register).approve(rules, subscriptions, "tester", "a-plan")

    def start(self, run: str, mode: str = "live", **fields: Any) -> dict[str, str]:
        """Send StartRun to the use-case; answers the run's record."""
        message = StartRun.model_validate(
            {
                "connection": self.connection,
                "mode": mode,
                "run": run,
                "requested_by": "tester",
                "reason": "test",
                **fields,
            }
        )
        self.collector.start(message)
        return self.runs.record(run)

    def work(self, *stages: str, seconds: float = 60) -> None:
        """Run the collector's stages until nothing is ready, leased or parked."""
        ends = time.monotonic() + seconds
        wanted = stages or _WORKED
        while any(self.queue(name).size() for name in wanted):
            assert time.monotonic() < ends, {name: self.queue(name).depth() for name in wanted}
            self.step(*wanted)
            time.sleep(0.02)

    def step(self, *stages: str) -> None:
        """Return what is due, and run each stage once."""
        for name in stages or _WORKED:
            self.queue(name).sweep()
            self.collector._drainer.run(self.collector._stages[name], self.connection)

    def run_through(self, run: str, mode: str = "live", **fields: Any) -> dict[str, str]:
        """Start a run, work, and end it so that the next may start."""
        self.start(run, mode, **fields)
        self.work()
        record = self.runs.record(run)
        self.runs.end(Fence(self.epoch, run), "complete", {})
        return record

    # what it left

    def queue(self, name: str) -> WorkQueue:
        return WorkQueue(self.store, self.connection, name)

    def bodies(self, name: str) -> dict[str, bytes]:
        """Bodies of a queue by id."""
        found: Any = self.store.client.hgetall(keys.queue(self.connection, name, "body"))
        return {key.decode(): value[24:] for key, value in found.items()}

    def observed(self) -> list[dict[str, str]]:
        """All records that were put for the mapper."""
        unpack = zstandard.ZstdDecompressor().decompress
        pages = sorted(self.bodies("observe").items(), key=lambda pair: int(pair[0]))
        return [record for _, body in pages for record in msgspec.msgpack.decode(unpack(body))]

    def units(self, run: str) -> dict[str, UnitRecord]:
        return {unit.unit: unit for unit in self.runs.units(run)}

    def rows(self, run: str) -> list[dict[str, Any]]:
        """Every row that was read, of all units."""
        rows: list[dict[str, Any]] = []
        for unit in self.runs.units(run):
            pages = Pages(self.store, self.connection, run, unit.unit, unit.attempt)
            for page in pages.read(pages.manifest().pages) if unit.attempt else ():
                rows += msgspec.json.decode(page)
        return rows

    def told(self, run: str) -> dict[str, str]:
        """Sentences by reason."""
        return dict(self.runs.told(run))

    def truth(self, **query: str) -> list[dict[str, Any]]:
        """The simulator's findings."""
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return list(self.simulator.rows(f"/azure/findings?{text}"))

    def change(self, op: str, **fields: Any) -> list[str]:
        """Change Azure; answers what was changed."""
        changed = self.simulator.control("POST", "/azure/change", {"op": op, **fields})["changed"]
        return [str(one) for one in changed]

    def mode(self, name: str, value: Any = True) -> None:
        self.simulator.control("POST", "/modes", {name: value})

    def unit_blob(self, run: str, part: str, unit: str) -> bytes:
        return keys.unit_part(self.connection, run, part, unit_key(unit))

    def lose_messages(self) -> None:
        """Empty the broker, bells that ring in it included."""
        broker = redis.Redis.from_url(self._server.url(0))
        broker.flushdb()
        broker.close()

    # as a process

    @contextmanager
    def worker(self, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        """A collector process, stopped at the end."""
        process = self.spawn(**settings)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    def spawn(self, **settings: str) -> subprocess.Popen[bytes]:
        """Start a collector with short times."""
        environment = {n: v for n, v in os.environ.items() if not n.startswith("ISTHMUS_")}
        environment |= {
            "ISTHMUS_REDIS_BROKER_URL": self._server.url(0),
            "ISTHMUS_REDIS_STATE_URL": self._server.url(1),
            "ISTHMUS_CONFIG_DIR": str(self.directory),
            "ISTHMUS_LIVENESS_DIR": str(self.directory / "live"),
            "ISTHMUS_METRICS_HOST": "127.0.0.1",
            "ISTHMUS_METRICS_PORT": str(free_port()),
            "ISTHMUS_LEASE_SECONDS": "2",
            "ISTHMUS_SWEEP_SECONDS": "0.5",
            "ISTHMUS_BELL_SECONDS": "1",
            "ISTHMUS_QUOTA_CALLS": "100000",
            "ISTHMUS_PAGE_SIZE": "100",
            "ISTHMUS_LOG_FORMAT": "json",
            **{f"ISTHMUS_{name.upper()}": value for name, value in settings.items()},
        }
        command = [sys.executable, "-m", "services.collector"]
        with (self.directory / "collector.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)  # noqa: S603 - ours
        self._processes.append(process)
        return process

    def eventually(self, true: Callable[[], object], seconds: float = 40) -> None:
        """Wait until `true`; raises AssertionError with the log's end."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if true():
                return
            time.sleep(0.1)
        log = self.directory / "collector.log"
        raise AssertionError(log.read_text(errors="replace")[-4000:] if log.exists() else "no log")

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait(10)
        self.collector.close()
        self.store.client.close()
