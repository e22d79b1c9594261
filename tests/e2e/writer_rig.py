"""The writer as a real process between a real Redis and the simulator, and orders for it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import redis
import yaml

from common.identity import correlation_id, footer, group_of, identity_digest, sys_id_of
from common.model.decision import Kind, Order
from common.model.link import Link
from common.state.links import Links
from common.state.queue import Item, WorkQueue
from common.state.register import Register
from common.state.runs import Runs
from common.state.store import Fence, Store
from deploy.dev.redis_process import RedisProcess, free_port
from tests.simulator import ROOT, Simulator

CONNECTION = "demo"
RULE = "critical"
RUN = "20261123T020000Z-000001"
_encode = msgspec.msgpack.Encoder().encode


class Rig:
    """Puts orders into the queue, starts and kills writers, and reads what became of them."""

    def __init__(self, server: RedisProcess, simulator: Simulator, directory: Path) -> None:
        self.simulator = simulator
        self._server = server
        self._directory = directory
        self.store = Store(redis.Redis.from_url(server.url(1)))
        self.fence = Fence(self.store.epoch(), RUN)
        self.links = Links(self.store, CONNECTION)
        self.runs = Runs(self.store, CONNECTION)
        self.register = Register(self.store, CONNECTION)
        self.queue = WorkQueue(self.store, CONNECTION, "write")
        self._processes: list[subprocess.Popen[bytes]] = []
        write_configuration(directory, simulator.ready)

    def begin(self, touched: int, run: str = RUN) -> None:
        """A live run that has decided everything; the links are known."""
        self.fence = Fence(self.fence.epoch, run)
        fields = {"mode": "live", "begun": "1", "tickets_done": "1", "planned": "1", "units_planned": "0"}
        fields |= {"decided": "1", "touched": str(touched)}
        self.runs.start(self.fence.epoch, run, 0, fields)
        self.register.update(Fence(self.fence.epoch), {"rebuilt": self.fence.epoch})

    def put(self, orders: Sequence[Order]) -> None:
        """Put orders into the outbox, as the mapper does."""
        self.queue.put(self.fence, [Item(bytes.fromhex(o.group), 0, _encode(o)) for o in orders])

    def create(self, number: int, **changes: Any) -> Order:
        """An order for a ticket of a group of its own."""
        values = [("recommendation", f"rec-{number}", f"Fix it tkr{number:05d}")]
        digest = identity_digest(CONNECTION, RULE, [(d, v) for d, v, _ in values])
        correlation = correlation_id(CONNECTION, "incident", digest, 1)
        order = Order(
            group=group_of(digest).hex(),
            kind=Kind.CREATE,
            reason="new_findings",
            epoch=self.fence.epoch,
            run=self.fence.run,
            connection=CONNECTION,
            table="incident",
            sys_id=sys_id_of(correlation),
            correlation_id=correlation,
            generation=1,
            seq=1,
            rule=RULE,
            fields={
                "short_description": f"Fix it tkr{number:05d}",
                "description": f"Two resources.\n\n{footer(CONNECTION, RULE, 1, values)}",
                "impact": "2",
                "urgency": "2",
            },
            members=2,
            open=2,
            facts="f1",
            member_digest="0000abcd",
        )
        return msgspec.structs.replace(order, **changes)

    def change(self, made: Order, **changes: Any) -> Order:
        """An order on a ticket that `made` created."""
        link = self.link(made)
        base: dict[str, Any] = {
            "kind": Kind.UPDATE,
            "reason": "facts_changed",
            "seq": link.seq + 1,
            "sys_id": link.sys_id,
            "expect_state": link.state,
            "fields": {"short_description": "Fix it better"},
            "facts": "f2",
            "run": self.fence.run,
        }
        return msgspec.structs.replace(made, **(base | changes))

    def link(self, order: Order) -> Link:
        found = self.links.get(bytes.fromhex(order.group))
        assert found is not None, f"no link of {order.correlation_id}"
        return found

    def outcomes(self) -> Mapping[str, int]:
        """`outcome:reason` -> count, of the current run."""
        return self.runs.groups(self.fence.run).reasons

    def told(self) -> set[str]:
        """Reasons of the sentences in the run's record."""
        return {reason for reason, _ in self.runs.told(self.fence.run)}

    def wait_end(self, seconds: float = 60) -> str:
        """The run's status once it is over; raises AssertionError with what stands in Redis."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            status = self.runs.record(self.fence.run).get("status", "")
            if status not in ("", "running"):
                return status
            time.sleep(0.1)
        raise AssertionError(f"{self.queue.depth()} {self.outcomes()} {self.told()}\n{self.log()[-3000:]}")

    def mine(self) -> list[dict[str, str]]:
        """Our tickets, raw."""
        return [t for t in self.simulator.tickets() if t["correlation_id"].startswith("isth:")]

    @contextmanager
    def writer(self, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        """A writer process, stopped at the end."""
        process = self.start(**settings)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    def start(self, **settings: str) -> subprocess.Popen[bytes]:
        """Start a writer with short times."""
        environment = {n: v for n, v in os.environ.items() if not n.startswith("ISTHMUS_")}
        environment |= {
            "ISTHMUS_REDIS_BROKER_URL": self._server.url(0),
            "ISTHMUS_REDIS_STATE_URL": self._server.url(1),
            "ISTHMUS_CONFIG_DIR": str(self._directory),
            "ISTHMUS_LIVENESS_DIR": str(self._directory / "live"),
            "ISTHMUS_METRICS_HOST": "127.0.0.1",
            "ISTHMUS_METRICS_PORT": str(free_port()),
            "ISTHMUS_LEASE_SECONDS": "2",
            "ISTHMUS_SWEEP_SECONDS": "0.5",
            "ISTHMUS_BELL_SECONDS": "1",
            "ISTHMUS_SERVER_LIMIT_SECONDS": "3",
            "ISTHMUS_CONCURRENCY": "2",
            "ISTHMUS_LOG_FORMAT": "json",
            "SERVICENOW_SECRET": self.simulator.servicenow_client_secret,
            **{f"ISTHMUS_{name.upper()}": value for name, value in settings.items()},
        }
        command = [sys.executable, "-m", "services.servicenow_writer"]
        with (self._directory / "writer.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)  # noqa: S603
        self._processes.append(process)
        return process

    def log(self) -> str:
        return (self._directory / "writer.log").read_text(errors="replace")

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait(10)
        self.store.client.close()


def write_configuration(directory: Path, ready: Mapping[str, str]) -> None:
    """connections.yaml for a simulator's ready line; its secret comes by a variable."""
    (directory / "rules.yaml").write_text((ROOT / "common/rules/default.yaml").read_text())
    servicenow = {
        "url": ready["servicenow"],
        "user": ready["servicenow_user"],
        "auth": {
            "kind": "client_credentials",
            "client_id": ready["servicenow_client_id"],
            "client_secret": {"env": "SERVICENOW_SECRET"},
        },
        "ca_bundle": ready["ca"],
    }
    azure = {
        "tenant_id": ready["tenant_id"],
        "client_id": ready["client_id"],
        "credential": {"kind": "client_secret", "secret": {"env": "SERVICENOW_SECRET"}},
    }
    connection = {
        "id": CONNECTION,
        "azure": azure,
        "servicenow": servicenow,
        "scope": {"management_groups": ["corp"]},
        "rules": "rules.yaml",
    }
    (directory / "connections.yaml").write_text(yaml.safe_dump({"version": 1, "connections": [connection]}))
