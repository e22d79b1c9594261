"""The command line on a real Redis, with a stand-in for the services behind the queue."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis
from typer.testing import CliRunner, Result

from common.messages import StartRun
from common.state.runs import Runs
from common.state.store import Fence, Store
from deploy.dev.redis_process import RedisProcess
from services.cli.app import build_app

SUB = "11111111-2222-3333-4444-555555555555"
RULES = """
version: 1
defaults:
  findings: {min_age: 0s}
  cap: {per_rule_and_run: 2, per_connection_and_day: 1000, beyond: hold}
rules:
  - id: per-resource
    when: {kind: recommendation, severity: [High, Critical]}
    group: [recommendation, resource]
    ticket: {type: incident, impact: 2, urgency: 2, due: 7d, assign: ["Cloud Security"]}
  - {id: rest, when: {}, skip: below_threshold}
"""
_CONNECTION = """
  - id: {id}
    azure:
      tenant_id: {sub}
      client_id: {sub}
      credential: {{kind: client_secret, secret: {{env: NOT_THERE}}}}
    servicenow:
      url: https://{id}.service-now.example
      user: isthmus
      auth: {{kind: client_credentials, client_id: abc, client_secret: {{env: NOT_THERE}}}}
    scope: {{management_groups: [{id}-root]}}
    rules: rules.yaml
"""
SCHEMAS = Path(__file__).with_name("schemas")
Play = Callable[[Store, StartRun], None]


@dataclass
class Services:
    """Takes the requests for runs from the real queue and plays what the services would do."""

    server: RedisProcess
    store: Store
    play: Play | None = None
    asked: list[StartRun] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def serve(self) -> None:
        client = redis.Redis.from_url(self.server.url(0))
        while not self._stop.is_set():
            found = client.brpop(["isthmus:collect.poll"], timeout=0.1)
            if isinstance(found, list | tuple):
                envelope = json.loads(found[1])
                arguments = json.loads(base64.b64decode(envelope["body"]))[0]
                message = StartRun.model_validate(arguments[0])
                self.asked.append(message)
                if self.play is not None:
                    self._played(message)
        client.close()

    def _played(self, message: StartRun) -> None:
        """Play a run; what goes wrong ends it, so that nobody waits for it."""
        assert self.play is not None
        try:
            self.play(self.store, message)
        except Exception as error:
            Runs(self.store, message.connection).annotate(
                message.run, {"status": "failed", "reason": repr(error)}
            )
            raise

    def stop(self) -> None:
        self._stop.set()


@dataclass
class Cli:
    """The command, its configuration, and the schemas of its answers."""

    environment: dict[str, str]
    config: Path

    def __call__(self, *arguments: str, code: int = 0, text: str | None = None) -> Result:
        """Run a command; it must end with `code`."""
        result = CliRunner().invoke(build_app(), arguments, env=self.environment, input=text)
        assert result.exit_code == code, (result.exit_code, result.output, result.exception)
        return result

    def json(self, schema: str, *arguments: str, code: int = 0) -> Any:
        """Run a command with --json and validate its answer."""
        document = json.loads(self(*arguments, "--json", code=code).stdout)
        jsonschema.validate(document, json.loads((SCHEMAS / f"{schema}.json").read_text()))
        return document

    def connections(self, *ids: str) -> None:
        entries = "".join(_CONNECTION.format(id=one, sub=SUB) for one in ids)
        (self.config / "connections.yaml").write_text(f"version: 1\nconnections:{entries}")


@pytest.fixture
def cli(tmp_path: Path, redis_server: RedisProcess, store: Store) -> Cli:
    """The command with one connection, `c`."""
    made = Cli(
        {
            "ISTHMUS_CONFIG_DIR": str(tmp_path),
            "ISTHMUS_REDIS_BROKER_URL": redis_server.url(0),
            "ISTHMUS_REDIS_STATE_URL": redis_server.url(1),
            "USER": "ann",
            "LOGNAME": "ann",
        },
        tmp_path,
    )
    (tmp_path / "rules.yaml").write_text(RULES)
    made.connections("c")
    return made


@pytest.fixture
def services(redis_server: RedisProcess, store: Store) -> Iterator[Services]:
    """Somebody who answers requests for runs as `play` says."""
    made = Services(redis_server, store)
    thread = threading.Thread(target=made.serve)
    thread.start()
    yield made
    made.stop()
    thread.join(10)


def begin(store: Store, message: StartRun) -> tuple[Runs, Fence]:
    """What the collector does first."""
    epoch, runs = store.epoch(), Runs(store, message.connection)
    fields = {"mode": message.mode, "requested_by": message.requested_by, "why": message.reason}
    assert runs.start(epoch, message.run, 900, {**fields, "rules_hash": "h"}) == message.run
    return runs, Fence(epoch, message.run)
