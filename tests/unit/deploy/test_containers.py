"""The compose files: what must hold whatever is edited there."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from common.settings.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SIMULATED: dict[str, Any] = yaml.safe_load((ROOT / "deploy/docker/compose.simulator.yml").read_text())
WORKERS = ("collector", "mapper", "servicenow-writer", "scheduler")


@pytest.mark.parametrize("name", WORKERS)
def test_a_service_is_locked_down_and_comes_back(name: str) -> None:
    """Read-only root, no capabilities, a restart policy, and time to end its task."""
    service = COMPOSE["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["restart"] == "unless-stopped"
    grace = float(service["stop_grace_period"].removesuffix("s"))
    assert grace > Settings.model_fields["task_seconds"].default + 10


def test_redis_keeps_and_never_evicts() -> None:
    """An evicted or forgotten key would be lost work."""
    command = " ".join(COMPOSE["services"]["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert "ports" not in COMPOSE["services"]["redis"]


@pytest.mark.parametrize("service", [*COMPOSE["services"].values(), *SIMULATED["services"].values()])
def test_only_known_settings_are_set(service: dict[str, Any]) -> None:
    """A misspelt variable would be a silent default."""
    known = {f"ISTHMUS_{name.upper()}" for name in Settings.model_fields}
    assert set(service.get("environment", {})) <= known


def test_commands_are_in_exec_form() -> None:
    """A shell as PID 1 would swallow SIGTERM."""
    for service in (*COMPOSE["services"].values(), *SIMULATED["services"].values()):
        assert isinstance(service.get("command", []), list)
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()
    assert all(" CMD [" in f" {line}" for line in dockerfile.splitlines() if line.startswith("CMD"))
    assert "--mount" not in dockerfile  # the classic builder must do
