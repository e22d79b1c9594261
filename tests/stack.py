"""The whole product for a test: a real Redis, both simulated clouds, every worker as its own process."""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
import yaml

from common.messages import StartRun
from common.operate.approving import Approved, Approving, Wish
from common.operate.starting import ask_for_run
from common.runtime.celery_app import build_app
from common.runtime.post import Post
from common.settings.settings import Settings
from common.state import keys
from common.state.flow import QUEUES
from common.state.queue import WorkQueue
from common.state.register import Register
from common.state.runs import Runs
from common.state.store import Store, octets
from deploy.dev.layout import connection as connection_of
from deploy.dev.redis_process import RedisProcess
from tests.redis_proxy import RedisProxy
from tests.simulator import ROOT, Simulator
from tests.stack_process import ServiceProcess
from tests.stack_rules import MODEL, ModelRule, Row, rules_text
from tests.stack_run import Finished
from tests.stack_witness import Accounting, Key, Record, Witness

CONNECTION = "demo"
Services = Mapping[str, tuple[str, tuple[str, ...]]]  # name -> module below services/, arguments
SERVICES: Services = {
    "collector": ("collector", ("--concurrency", "4")),
    "collector-2": ("collector", ("--concurrency", "4")),
    "mapper": ("mapper", ("--concurrency", "1")),
    "mapper-2": ("mapper", ("--concurrency", "1")),
    "writer": ("servicenow_writer", ("--concurrency", "2")),
    "writer-2": ("servicenow_writer", ("--concurrency", "2")),
    "scheduler": ("scheduler", ()),
    "scheduler-2": ("scheduler", ()),
}
USUAL = ("collector", "mapper", "writer")
SHORT = {  # seconds; the simulator's own delays are scaled alike where a test uses them
    "lease_seconds": "2",
    "sweep_seconds": "0.5",
    "bell_seconds": "1",
    "server_limit_seconds": "5",
    "quota_calls": "1000",
}
Configuration = list[dict[str, Any]]


class Stack:
    """`with Stack(findings=600) as stack:`; everything stops at the end, and a failure shows the logs' tails.

    `configure` may change the entries of connections.yaml (and gets the simulator's ready line); `settings`
    are ISTHMUS_* names in lower case. `workers` are names of `services`. `proxied` puts a RedisProxy
    between the services and Redis; `root` is the checkout that the services are started from.
    """

    def __init__(
        self,
        *,
        findings: int = 600,
        seed: int = 1,
        rules: str | None = None,
        model: Sequence[ModelRule] = MODEL,
        workers: Sequence[str] = USUAL,
        settings: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
        limits: str = "none",
        redis_megabytes: int = 256,
        services: Services = SERVICES,
        configure: Callable[[Configuration, Mapping[str, str]], None] | None = None,
        proxied: bool = False,
        root: Path = ROOT,
    ) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="isthmus-stack-")
        self.directory = Path(self._directory.name)
        ca = str(self.directory / "ca")
        self.simulator = Simulator(
            findings=findings, seed=seed, limits=limits, arguments=("--ca-dir", ca, *arguments)
        )
        self.redis_server = RedisProcess(self.directory / "redis", redis_megabytes)
        self.witnesses = {CONNECTION: Witness(CONNECTION, model)}
        self.services: dict[str, ServiceProcess] = {}
        self._model = model
        self._workers = workers
        self._programs = services
        self._rules = rules or rules_text()
        self._settings = {**SHORT, **(settings or {})}
        self._configure = configure or (lambda _connections, _ready: None)
        self._root = root
        self.proxy = RedisProxy(self.redis_server.port) if proxied else None
        self._post: Post | None = None

    # life

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop(failed=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop(failed=kind is not None)

    def _start(self) -> None:
        self.redis_server.start()
        if self.proxy is not None:
            self.proxy.start()
        self.client = redis.Redis.from_url(self.redis_server.url(1))
        self.store = Store(self.client)
        self.simulator.start()
        self.write_configuration()
        self.write_rules(self._rules)
        for name in self._workers:
            self.services[name] = self._service(name)
            self.services[name].start()
        for service in self.services.values():
            service.wait_ready()
        settings = Settings.model_validate(
            {
                "redis_broker_url": self.redis_server.url(0),
                "redis_state_url": self.redis_server.url(1),
                "config_dir": self.directory / "config",
            }
        )
        self._post = Post(build_app("cli", settings))

    def _stop(self, *, failed: bool) -> None:
        if failed:
            self.show_logs()
        for service in self.services.values():
            service.stop()
        if self._post is not None:
            self._post.close()
        self.simulator.stop()
        if hasattr(self, "client"):
            self.client.close()
        if self.proxy is not None:
            self.proxy.stop()
        self.redis_server.stop()
        self._directory.cleanup()

    def show_logs(self) -> None:
        """The end of every log, for pytest's report."""
        for name, service in self.services.items():
            sys.stdout.write(f"--- {name} (exit code {service.exit_code})\n{service.tail()}\n")
        sys.stdout.write(f"--- simulator\n{self.simulator.errors()[-2000:]}\n")

    def _service(self, name: str) -> ServiceProcess:
        module, arguments = self._programs[name]
        log = self.directory / "log"
        log.mkdir(exist_ok=True)
        port = self.proxy.listen(name) if self.proxy is not None else self.redis_server.port
        environment = {
            "ISTHMUS_REDIS_BROKER_URL": f"redis://127.0.0.1:{port}/0",
            "ISTHMUS_REDIS_STATE_URL": f"redis://127.0.0.1:{port}/1",
            "ISTHMUS_CONFIG_DIR": str(self.directory / "config"),
            "ISTHMUS_LIVENESS_DIR": str(self.directory / "live" / name),
            "ISTHMUS_METRICS_HOST": "127.0.0.1",
            "ISTHMUS_METRICS_PORT": "0",
            "ISTHMUS_LOG_FORMAT": "json",
            **{f"ISTHMUS_{key.upper()}": value for key, value in self._settings.items()},
        }
        return ServiceProcess(module, arguments, environment, log / f"{name}.log", self._root)

    def write_configuration(self) -> None:
        """connections.yaml and secrets; workers read them at their start."""
        ready = self.simulator.ready
        config = self.directory / "config"
        (config / "rules").mkdir(parents=True, exist_ok=True)
        (config / "secrets").mkdir(exist_ok=True)
        (config / "secrets" / "azure-client-secret").write_text(ready["client_secret"])
        (config / "secrets" / "servicenow-client-secret").write_text(ready["servicenow_client_secret"])
        connections = [{**connection_of(ready), "id": CONNECTION, "rules": f"rules/{CONNECTION}.yaml"}]
        self._configure(connections, ready)
        text = yaml.safe_dump({"version": 1, "connections": connections}, sort_keys=False)
        (config / "connections.yaml").write_text(text)
        for entry in connections:
            self.witnesses.setdefault(entry["id"], Witness(entry["id"], self._model))

    def write_secret(self, side: str, text: str) -> None:
        """Replace the mounted secret of `azure` or `servicenow`."""
        (self.directory / "config" / "secrets" / f"{side}-client-secret").write_text(text)

    def write_rules(self, text: str) -> None:
        """The rules of every connection; read at the start of each run."""
        for name in self.witnesses:
            (self.directory / "config" / "rules" / f"{name}.yaml").write_text(text)

    # processes

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """End a service by a signal, and wait for its end."""
        self.services[name].kill(number)

    def add(self, name: str) -> None:
        """Start another service of SERVICES."""
        self.services[name] = self._service(name)
        self.restart(name)

    def restart(self, name: str) -> None:
        """Start a service that has ended."""
        self.services[name].start()
        self.services[name].wait_ready()

    def pause(self, name: str) -> None:
        """SIGSTOP."""
        self.services[name].send(signal.SIGSTOP)

    def cont(self, name: str) -> None:
        """SIGCONT."""
        self.services[name].send(signal.SIGCONT)

    def flush_redis(self) -> None:
        """Lose everything in Redis, queues and state."""
        self.client.flushall()

    # runs

    def runs(self, connection: str = CONNECTION) -> Runs:
        return Runs(self.store, connection)

    def ask(self, mode: str, connection: str = CONNECTION) -> str:
        """Ask for a run as the command line does; its id."""
        assert self._post is not None
        return ask_for_run(self._post, connection, mode, "operator", "a test")

    def repeat(self, run: str, connection: str = CONNECTION) -> None:
        """Ask for a run by the id that it has, as the scheduler does, since a message may be lost."""
        assert self._post is not None
        about = {"connection": connection, "mode": "live", "requested_by": "scheduler", "reason": "a slot"}
        self._post.start_run(StartRun.model_validate({**about, "run": run}))

    def begin(self, mode: str = "live", connection: str = CONNECTION, seconds: float = 60) -> str:
        """Ask until a run has begun: whoever took the first message may have been stopped. The run's id."""
        ends = time.monotonic() + seconds
        while True:
            run = self.ask(mode, connection)
            patience = time.monotonic() + 4
            while time.monotonic() < patience:
                if self.runs(connection).record(run):
                    return run
                time.sleep(0.05)
            assert time.monotonic() < ends, f"nobody began a run in {seconds} s"

    def finish(self, run: str, connection: str = CONNECTION, seconds: float = 60) -> Finished:
        """Wait for a run's end. Raises AssertionError with what stands in Redis."""
        began = time.monotonic()
        runs = self.runs(connection)
        while runs.record(run).get("status", "running") == "running":
            late = time.monotonic() - began > seconds
            assert not late, f"run {run} did not end in {seconds} s\n{self.state(run, connection)}"
            time.sleep(0.05)
        return self.finished(run, connection, time.monotonic() - began)

    def finished(self, run: str, connection: str = CONNECTION, seconds: float = 0.0) -> Finished:
        """What stands in Redis about a run."""
        runs = self.runs(connection)
        return Finished(run, runs.record(run), runs.findings(run), runs.groups(run), runs.told(run), seconds)

    def plan(self, connection: str = CONNECTION, seconds: float = 60) -> Finished:
        return self.finish(self.ask("plan", connection), connection, seconds)

    def sync(self, connection: str = CONNECTION, seconds: float = 60) -> Finished:
        return self.finish(self.ask("live", connection), connection, seconds)

    def approve(self, run: str, connection: str = CONNECTION, up_to: int | None = None) -> Approved:
        """Approve as the command line does."""
        return Approving(self.store, connection).approve(run, Wish("operator", up_to))

    def go_live(self, connection: str = CONNECTION) -> Finished:
        """Plan, approve, first sync."""
        self.approve(self.plan(connection).run, connection)
        return self.sync(connection)

    def current(self, connection: str = CONNECTION) -> str:
        """The run that may write."""
        return Register(self.store, connection).current_run()

    def wait_leased(self, queue: str, seconds: float = 30) -> None:
        """Wait until a worker is at work on an item of a queue; it may have ended when this returns."""
        ends = time.monotonic() + seconds
        depth = WorkQueue(self.store, CONNECTION, queue).depth
        while not depth().leased:
            assert time.monotonic() < ends, f"nobody worked on {queue}\n{self.state(self.current())}"
            time.sleep(0.001)

    def time_passes(self, connection: str = CONNECTION) -> None:
        """Whatever is parked is due now, creates without an answer too: no test waits for minutes."""
        for name in QUEUES:
            key = keys.queue(connection, name, "parked")
            for item in self.client.zrange(key, 0, -1):
                self.client.zadd(key, {octets(item): 0}, xx=True)

    def state(self, run: str, connection: str = CONNECTION) -> str:
        """Where a run stands: record, units, queues, for a failed test's report."""
        runs = self.runs(connection)
        queues = {
            name: depth for name in QUEUES if (depth := WorkQueue(self.store, connection, name).depth()).total
        }
        units = [unit for unit in runs.units(run) if not unit.ended]
        return f"{self.finished(run, connection)}\nqueues: {queues}\nunits under way: {units[:5]}"

    # the world

    def azure(self, op: str, **change: Any) -> list[str]:
        """Change Azure; the ids changed."""
        changed: list[str] = self.simulator.control("POST", "/azure/change", {"op": op, **change})["changed"]
        return changed

    def person(self, op: str, connection: str = CONNECTION, **change: Any) -> list[str]:
        """Do with tickets what a person would, and tell the witness; the sys_ids changed."""
        body = {"op": op, "table": "incident", **change}
        changed: list[str] = self.simulator.control("POST", "/servicenow/change", body)["sys_ids"]
        witness = self.witnesses[connection]
        if op == "delete":
            witness.left_alone(changed)
        elif fields := change.get("fields"):
            for sys_id in changed:
                witness.edited(sys_id, fields)
        return changed

    def modes(self, **modes: Any) -> None:
        """Switch churn and malice."""
        self.simulator.control("POST", "/modes", modes)

    def rows(self) -> list[dict[str, Any]]:
        """Ground truth of every finding."""
        return list(self.simulator.rows("/azure/findings"))

    def tickets(self, connection: str = CONNECTION) -> list[Record]:
        """A connection's tickets, raw."""
        mark = f"isth:{connection}:"
        return [t for t in self.simulator.tickets() if t["correlation_id"].startswith(mark)]

    def open_tickets(self, connection: str = CONNECTION) -> list[Record]:
        return [t for t in self.tickets(connection) if t["state"] not in ("6", "7", "8")]

    def ticket(self, sys_id: str) -> Record:
        return next(t for t in self.simulator.tickets() if t["sys_id"] == sys_id)

    def ticket_of(self, key: Key, connection: str = CONNECTION) -> Record:
        """The newest ticket of a group."""
        witness = self.witnesses[connection]
        some = [t for t in self.tickets(connection) if witness.key_of(t) == key]
        return max(some, key=lambda t: int(t["correlation_id"].rpartition(":")[2]))

    def notes(self, sys_id: str) -> list[str]:
        """A ticket's work notes."""
        journal = self.simulator.rows("/servicenow/tickets?table=sys_journal_field")
        return [j["value"] for j in journal if (j["element_id"], j["element"]) == (sys_id, "work_notes")]

    def members(self, connection: str = CONNECTION) -> dict[Key, list[Row]]:
        """The unhealthy findings of each group with a ticket, as of the last judging."""
        return self.witnesses[connection].open_members(self.rows())

    def writes(self) -> int:
        """Inserts and updates of our tickets by our user since the start."""
        return self.simulator.ledger()["writes"]

    def duplicates(self) -> int:
        return self.simulator.ledger()["duplicates"]

    # judging

    def witness(self, connection: str = CONNECTION) -> Accounting:
        """Compare ServiceNow with the tests' own model; the next call knows who is whose member now."""
        found = self.witnesses[connection].judge(self.rows(), self.simulator.tickets())
        found.unknown += WorkQueue(self.store, connection, "write").size()
        return found

    def due(self, connection: str = CONNECTION) -> set[Key]:
        """The groups that should have an open ticket."""
        owed = self.witnesses[connection].expected(self.rows(), self.simulator.tickets())
        return {key for key, due in owed.items() if due.open and not due.below}

    def assert_right(self, connection: str = CONNECTION) -> Accounting:
        """Every ticket is right and none is there twice."""
        found = self.witness(connection)
        ledger = self.simulator.control("GET", "/ledger")
        assert found.right, f"{found}\n{json.dumps(ledger)[:1500]}"
        assert ledger["tables"]["incident"]["duplicates"] == 0, ledger
        return found
