"""What a process is started with: ISTHMUS_* variables, or files of the same name in a mounted directory."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.settings.explain import explain, suggestion
from common.settings.problems import ConfigurationError, Problem

PREFIX = "ISTHMUS_"
SECRETS_DIR = Path("/run/secrets")
# Kubernetes plants these for every Service whose name begins with `isthmus`.
_SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)")


class Settings(BaseSettings):
    """Ordinary settings, frozen. Times are seconds. docs/configuration.md is made from the descriptions."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    redis_broker_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"),
        description="Redis of the queues, `redis://` or `rediss://`, another database than the state's",
    )
    redis_state_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/1"), description="Redis of the state (links, units, outbox)"
    )
    config_dir: Path = Field(
        default=Path("/etc/isthmus"),
        description="directory of connections.yaml and of the rule files that it names",
    )
    log_format: Literal["auto", "json", "human"] = Field(
        default="auto", description="`auto` is human on a terminal, JSON elsewhere"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level logged"
    )
    metrics_host: str = Field(default="0.0.0.0", description="address on which /metrics is served")  # noqa: S104 - Prometheus scrapes from another container
    metrics_port: int = Field(
        default=9464, ge=0, le=65535, description="port of /metrics; 0 takes a free one"
    )
    concurrency: int = Field(
        default=4, ge=1, le=64, description="threads of a worker (`--concurrency` overrides)"
    )

    lease_seconds: float = Field(
        default=30, gt=0, le=3600, description="a claim that is not renewed so long returns"
    )
    sweep_seconds: float = Field(
        default=5, gt=0, le=600, description="how often a worker looks for work whose bell was lost"
    )
    bell_seconds: int = Field(
        default=15, ge=1, le=3600, description="a queue's bell is rung at most once in this time"
    )
    server_limit_seconds: float = Field(
        default=90,
        gt=0,
        le=3600,
        description="ServiceNow's own limit for a transaction: a create without an answer is parked so long",
    )
    batch_seconds: float = Field(
        default=5, gt=0, le=25, description="work put into one ServiceNow batch, in its own time"
    )
    batch_items: int = Field(default=50, ge=1, le=100, description="requests in one ServiceNow batch at most")
    task_seconds: float = Field(
        default=120, gt=0, le=1200, description="deadline of one task, and of all its requests"
    )
    decision_window: int = Field(
        default=2000, ge=1, le=100_000, description="rendered decisions in Redis at once"
    )
    page_size: int = Field(
        default=1000, ge=1, le=1000, description="rows asked of Resource Graph in one page"
    )
    page_chains: int = Field(
        default=4, ge=1, le=64, description="chains of pages that are read at the same time"
    )
    quota_calls: int = Field(
        default=15,
        ge=1,
        le=100_000,
        description="Resource Graph's queries per 5 s; Microsoft can raise it for a tenant",
    )
    quota_share: float = Field(
        default=0.6, gt=0, le=1, description="share of Resource Graph's quota that may be used"
    )
    memory_ratio: float = Field(
        default=0.7, gt=0, le=0.95, description="share of Redis' memory at which reading parks"
    )

    proxy: SecretStr | None = Field(
        default=None, description="HTTP proxy for both clouds, `http://[user:password@]host:port`"
    )
    no_proxy: str = Field(default="", description="hosts reached without the proxy, separated by commas")
    ca_bundle: Path | None = Field(
        default=None, description="PEM file of the authorities to trust instead of the built-in ones"
    )

    runs_days: int = Field(default=30, ge=1, le=3650, description="days for which a run's record is kept")
    pages_hours: int = Field(
        default=24, ge=1, le=168, description="hours after which a page that nobody fetched is dropped"
    )
    audit_entries: int = Field(
        default=10_000, ge=100, le=1_000_000, description="writes kept per connection in Redis"
    )

    liveness_dir: Path = Field(
        default=Path(tempfile.gettempdir()) / "isthmus",
        description="directory of the liveness and readiness files",
    )
    liveness_seconds: float = Field(
        default=600,
        gt=0,
        description="a liveness file older than this means hung; above any broker outage to be endured",
    )

    @field_validator("redis_broker_url", "redis_state_url", mode="after")
    @classmethod
    def _a_redis(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in ("redis", "rediss", "unix", "redis+socket"):
            raise ValueError("must be a URL of Redis; write redis://host:6379/0 or rediss://")
        return url

    @field_validator("proxy", mode="after")
    @classmethod
    def _a_proxy(cls, url: SecretStr | None) -> SecretStr | None:
        if url and urlsplit(url.get_secret_value()).scheme not in ("http", "https"):
            raise ValueError("must be an http URL; write http://host:port")
        return url

    @model_validator(mode="after")
    def _separate_databases(self) -> Self:
        if self.redis_broker_url.get_secret_value() == self.redis_state_url.get_secret_value():
            raise ValueError(
                "ISTHMUS_REDIS_BROKER_URL and ISTHMUS_REDIS_STATE_URL are the same database; "
                "give them different numbers, such as /0 and /1"
            )
        return self

    @property
    def connections_file(self) -> Path:
        return self.config_dir / "connections.yaml"

    @property
    def proxies(self) -> dict[str, str]:
        """The `proxies` of requests; empty without a proxy."""
        url = self.proxy.get_secret_value() if self.proxy else ""
        return {"http": url, "https": url} if url else {}


def load_settings(secrets_dir: Path = SECRETS_DIR) -> Settings:
    """Read environment and secret files; the environment wins.

    Raises ConfigurationError with every mistake, near misses of a name (ISTHMUS_REDIS_STAT_URL) among them.
    """
    problems = _near_misses(os.environ)
    try:
        # The directory is absent on a developer's machine, and pydantic-settings would warn.
        options: dict[str, Any] = {"_secrets_dir": secrets_dir} if secrets_dir.is_dir() else {}
        settings = Settings(**options)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            what, mend = explain(detail, ())
            name = PREFIX + str(detail["loc"][0]).upper() if detail["loc"] else ""
            problems.append(Problem("environment", name, what, mend))
        raise ConfigurationError(problems) from None
    if problems:
        raise ConfigurationError(problems)
    return settings


def _near_misses(environment: Mapping[str, str]) -> list[Problem]:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    problems = []
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in known or _SERVICE_LINK.search(name):
            continue
        if mend := suggestion(name, known):
            problems.append(Problem("environment", name, "is not a setting", mend))
    return problems
