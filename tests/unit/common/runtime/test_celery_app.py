"""The one Celery configuration."""

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from celery.exceptions import QueueNotFound
from pydantic import SecretStr

from common.errors import Retry
from common.messages import START_RUN, StartRun
from common.runtime.celery_app import build_app
from common.runtime.post import Post
from common.runtime.version import VERSION
from common.settings.settings import Settings

ROOT = Path(__file__).resolve().parents[4]
AWAY = Settings(
    redis_broker_url=SecretStr("redis://127.0.0.1:1/0"), redis_state_url=SecretStr("redis://127.0.0.1:1/1")
)
MESSAGE = StartRun(connection="c", mode="plan", run="r", requested_by="test", reason="test")


def test_every_app_says_the_same_of_the_transport() -> None:
    """The shortest visibility timeout on a database wins for all, so there is but one."""
    one, other = (build_app(name, AWAY).conf.broker_transport_options for name in ("collector", "cli"))
    assert one | {"client_name": ""} == other | {"client_name": ""}
    assert one["global_keyprefix"] == "isthmus:"
    assert one["socket_timeout"]
    assert one["socket_connect_timeout"]


def test_a_misspelt_queue_is_refused() -> None:
    """Work must not vanish into a queue that nobody reads."""
    with pytest.raises(QueueNotFound):
        Post(build_app("test", AWAY)).send("collect.bulkk", START_RUN, MESSAGE)


def test_a_broker_that_is_away_is_a_retry() -> None:
    """The sender hears soon, with a reason, and without the URL."""
    with pytest.raises(Retry) as caught:
        Post(build_app("test", AWAY)).start_run(MESSAGE)
    assert caught.value.reason == "broker_unavailable"
    assert "127.0.0.1" not in str(caught.value)


def test_the_pins_hold() -> None:
    """Celery 5.7.0 exits when Redis restarts under an unacknowledged task."""
    assert version("celery").startswith("5.6.")
    assert version("kombu").startswith("5.7.")
    assert version("redis").startswith("8.")


def test_the_version_is_the_projects() -> None:
    """One number, in two places that must agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
