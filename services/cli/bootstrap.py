"""The command line's composition root: settings, connections and clients, each built when first needed."""

from functools import cached_property

import redis

from common.operate.errors import NotFound
from common.operate.finding_runs import FoundRun, connections_with_state, find_run
from common.runtime.celery_app import build_app
from common.runtime.post import Post
from common.settings.connection import Connection
from common.settings.connections import load_connections
from common.settings.settings import Settings, load_settings
from common.state.store import Store
from services.cli.errors import Usage

_SOCKET_SECONDS = 10


class Tools:
    """What commands work with. Secrets of the two clouds are never read here."""

    @cached_property
    def settings(self) -> Settings:
        return load_settings()

    @cached_property
    def connections(self) -> dict[str, Connection]:
        """Configured connections by id. Raises ConfigurationError with every mistake."""
        return {one.id: one for one in load_connections(self.settings.connections_file, check_files=False)}

    @cached_property
    def store(self) -> Store:
        url = self.settings.redis_state_url.get_secret_value()
        client = redis.Redis.from_url(
            url, socket_timeout=_SOCKET_SECONDS, socket_connect_timeout=_SOCKET_SECONDS
        )
        return Store(client)

    @cached_property
    def post(self) -> Post:
        return Post(build_app("cli", self.settings))

    def one(self, name: str | None) -> Connection:
        """The named connection, or the only enabled one. Raises NotFound, Usage where one must be named."""
        if name is not None:
            return self._named(name)
        enabled = [one for one in self.connections.values() if one.enabled]
        if len(enabled) == 1:
            return enabled[0]
        if not enabled:
            raise Usage("No connection is enabled: set `enabled: true` in connections.yaml.")
        names = ", ".join(one.id for one in enabled)
        raise Usage(f"There are several connections: add --connection with one of {names}.")

    def some(self, name: str | None) -> list[str]:
        """The named connection, or all: configured ones first, then those that only have state."""
        if name is not None:
            return [self._named(name).id]
        return [
            *self.connections,
            *(c for c in connections_with_state(self.store) if c not in self.connections),
        ]

    def run(self, run: str, connection: str | None) -> FoundRun:
        """A run by its id, or `latest`. Raises NotFound."""
        return find_run(self.store, run, self.some(connection))

    def _named(self, name: str) -> Connection:
        found = self.connections.get(name)
        if found is None:
            raise NotFound("connection", name, self.connections, "isthmus connections list")
        return found
