"""The files and the configuration of a stack on one machine."""

import json
import shutil
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.dev.child import Spec
from deploy.dev.redis_process import free_port, redis_command

ROOT = Path(__file__).resolve().parents[2]
RULES = Path(__file__).with_name("rules.yaml")
CONNECTION = "demo"
# The mapper's work is the CPU's: replicas with one thread each. The others wait for answers.
Services = tuple[tuple[str, str, tuple[str, ...]], ...]
SERVICES: Services = (  # name of the process, module below services/, arguments
    ("collector", "collector", ("--concurrency", "4")),
    ("mapper-1", "mapper", ("--concurrency", "1")),
    ("mapper-2", "mapper", ("--concurrency", "1")),
    ("servicenow-writer", "servicenow_writer", ("--concurrency", "4")),
    ("scheduler", "scheduler", ()),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the person asked for."""

    var: Path
    findings: int
    seed: int
    limits: str
    load: Path | None
    rules: Path = RULES
    redis_megabytes: int = 512
    services: Services = SERVICES


class Layout:
    """Everything below `var`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.var = options.var.absolute()
        self.config = self.var / "config"
        self.log = self.var / "log"
        self.state_file = self.var / "stack.json"
        self.redis_port = free_port()
        self.metrics_ports = {name: free_port() for name, _, _ in options.services}

    def make(self) -> None:
        """Make the directories anew: the simulator begins anew, so the state must too.

        Raises FileExistsError for a directory with other things in it.
        """
        mark = self.var / ".isthmus-stack"
        if self.var.exists() and any(self.var.iterdir()) and not mark.exists():
            raise FileExistsError(f"{self.var} holds other things; choose another --var")
        shutil.rmtree(self.var, ignore_errors=True)
        for directory in (self.config / "rules", self.config / "secrets", self.log, self.var / "redis"):
            directory.mkdir(parents=True, exist_ok=True)
        (self.config / "secrets").chmod(stat.S_IRWXU)
        mark.touch()

    def redis(self) -> Spec:
        return Spec("redis", redis_command(self.redis_port, self.var / "redis", self.options.redis_megabytes))

    def simulator(self) -> Spec:
        """The two clouds; their world is in memory, so a lost one is not started again."""
        chosen = self.options
        command = [sys.executable, "-m", "services.simulator", "--port", "0", "--limits", chosen.limits]
        command += ["--findings", str(chosen.findings), "--seed", str(chosen.seed)]
        command += ["--ca-dir", str(self.var / "ca")]
        command += ["--load", str(chosen.load.absolute())] if chosen.load else []
        return Spec("simulator", command, restart=False)

    def service(self, name: str, module: str, arguments: tuple[str, ...]) -> Spec:
        environment = {
            **self.environment(),
            "ISTHMUS_LIVENESS_DIR": str(self.var / "live" / name),
            "ISTHMUS_METRICS_PORT": str(self.metrics_ports[name]),
        }
        return Spec(name, [sys.executable, "-m", f"services.{module}", *arguments], environment)

    def environment(self) -> dict[str, str]:
        """What every service and the command line need."""
        return {
            "PYTHONPATH": str(ROOT),
            "ISTHMUS_REDIS_BROKER_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "ISTHMUS_REDIS_STATE_URL": f"redis://127.0.0.1:{self.redis_port}/1",
            "ISTHMUS_CONFIG_DIR": str(self.config),
            "ISTHMUS_METRICS_HOST": "127.0.0.1",
            "ISTHMUS_LOG_FORMAT": "json",
            "ISTHMUS_SWEEP_SECONDS": "1",
        }

    def ready_file(self, name: str, module: str) -> Path:
        return self.var / "live" / name / f"{module}.ready"

    def configure(self, ready: Mapping[str, str]) -> None:
        """Write the configuration for a simulator's ready line, and the command line's wrapper."""
        write_configuration(self.config, ready, self.options.rules)
        wrapper = self.var / "isthmus"
        exports = "".join(f"export {name}='{value}'\n" for name, value in self.environment().items())
        wrapper.write_text(f'#!/bin/sh\n{exports}exec "{sys.executable}" -m services.cli "$@"\n')
        wrapper.chmod(0o755)

    def announce(self, ready: Mapping[str, str], pids: Mapping[str, int]) -> None:
        """Say in stack.json what runs where; written whole or not at all."""
        facts: dict[str, Any] = {
            "simulator": dict(ready),
            "environment": self.environment(),
            "metrics": {n: f"http://127.0.0.1:{p}/metrics" for n, p in self.metrics_ports.items()},
            "pids": dict(pids),
            "logs": str(self.log),
            "command": str(self.var / "isthmus"),
        }
        part = self.state_file.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(facts, indent=1) + "\n")
        part.replace(self.state_file)


def write_configuration(config: Path, ready: Mapping[str, str], rules: Path) -> None:
    """connections.yaml, rules/ and secrets/ below `config`, for a simulator's ready line."""
    secrets = {
        "azure-client-secret": ready["client_secret"],
        "servicenow-client-secret": ready["servicenow_client_secret"],
    }
    for name, value in secrets.items():
        path = config / "secrets" / name
        path.touch(mode=0o600)
        path.write_text(value + "\n")
    (config / "rules" / "rules.yaml").write_text(rules.read_text())
    text = yaml.safe_dump({"version": 1, "connections": [connection(ready)]}, sort_keys=False)
    (config / "connections.yaml").write_text(text)


def connection(ready: Mapping[str, str]) -> dict[str, Any]:
    """The demo's connection: the whole tenant, whose root management group has the tenant's id."""
    return {
        "id": CONNECTION,
        "azure": {
            "tenant_id": ready["tenant_id"],
            "client_id": ready["client_id"],
            "credential": {"kind": "client_secret", "secret": {"file": "secrets/azure-client-secret"}},
            "authority": ready["login"],
            "resource_manager": ready["azure"],
            "ca_bundle": ready["ca"],
        },
        "servicenow": {
            "url": ready["servicenow"],
            "user": ready["servicenow_user"],
            "auth": {
                "kind": "client_credentials",
                "client_id": ready["servicenow_client_id"],
                "client_secret": {"file": "secrets/servicenow-client-secret"},
            },
            "ca_bundle": ready["ca"],
        },
        "scope": {"management_groups": [ready["tenant_id"]]},
        "rules": "rules/rules.yaml",
        "schedule": "24h",
    }
