"""Settings from the environment and from mounted files."""

from pathlib import Path

import pytest

from common.settings.problems import ConfigurationError
from common.settings.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ISTHMUS_{name.upper()}", raising=False)


def mistakes(**variables: str) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        try:
            load_settings(Path("/nowhere"))
        except ConfigurationError as error:
            return [str(problem) for problem in error.problems]
    return []


def test_defaults_are_complete() -> None:
    """A process starts without a single variable."""
    settings = load_settings(Path("/nowhere"))
    assert (settings.lease_seconds, settings.sweep_seconds, settings.server_limit_seconds) == (30, 5, 90)
    assert settings.proxies == {}


def test_a_mounted_file_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret file has the variable's name; its trailing newline is no part of it."""
    (tmp_path / "isthmus_redis_state_url").write_text("redis://:from-file@h:1/5\n")
    (tmp_path / "isthmus_lease_seconds").write_text("7")
    monkeypatch.setenv("ISTHMUS_LEASE_SECONDS", "9")
    settings = load_settings(tmp_path)
    assert settings.redis_state_url.get_secret_value() == "redis://:from-file@h:1/5"
    assert settings.lease_seconds == 9


def test_every_mistake_is_named_at_once_and_no_value_is_shown() -> None:
    """Wrong types, wrong choices and misspelt names, each with its mend, in one go."""
    found = mistakes(
        ISTHMUS_LEASE_SECONDS="soon-hunter2",
        ISTHMUS_LOG_FORMAT="xml",
        ISTHMUS_PROXY="ftp://user:hunter2@h",
        ISTHMUS_REDIS_STAT_URL="redis://:hunter2@h",
    )
    assert len(found) == 4
    text = "\n".join(found)
    assert "ISTHMUS_REDIS_STAT_URL: is not a setting; did you mean 'ISTHMUS_REDIS_STATE_URL'?" in text
    assert "ISTHMUS_LEASE_SECONDS: must be a number" in text
    assert "use 'auto', 'json' or 'human'" in text
    assert "hunter2" not in text


def test_broker_and_state_may_not_share_a_database() -> None:
    """One of the two can then be flushed and sized alone."""
    [problem] = mistakes(ISTHMUS_REDIS_BROKER_URL="redis://h/1", ISTHMUS_REDIS_STATE_URL="redis://h/1")
    assert "give them different numbers" in problem


def test_variables_that_kubernetes_plants_are_no_mistakes() -> None:
    """A Service named isthmus-redis brings ISTHMUS_REDIS_PORT and more into every pod."""
    assert (
        mistakes(ISTHMUS_METRICS_SERVICE_PORT="80", ISTHMUS_REDIS_PORT_6379_TCP="tcp://10.0.0.1:6379") == []
    )


def test_secrets_stay_out_of_texts() -> None:
    """Neither repr nor str nor a dump shows a password."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISTHMUS_REDIS_STATE_URL", "redis://:hunter2@h/3")
        settings = load_settings(Path("/nowhere"))
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
