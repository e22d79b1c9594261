"""The ServiceNow side as the core sees it."""

from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from services.simulator.clock import Clock
from services.simulator.gate import Gate
from services.simulator.options import ServiceNowOptions
from services.simulator.servicenow import people
from services.simulator.servicenow.engine import Commit
from services.simulator.servicenow.errors import ApiError
from services.simulator.servicenow.site import Site
from services.simulator.servicenow.traffic import Limits
from services.simulator.servicenow.web.router import build_app


class Instance:
    """One simulated instance: its application, and the levers that control pulls."""

    def __init__(self, options: ServiceNowOptions, gate: Gate, clock: Clock) -> None:
        self._site = Site(options, gate, clock)
        self._app = build_app(self._site)

    @property
    def app(self) -> web.Application:
        return self._app

    @property
    def writes(self) -> Mapping[str, int]:
        """Writes of the integration user on `isth:` records per table since start or reset.

        Every accepted write counts, also one that changed nothing: a client that writes the same again shows.
        """
        return self._site.state.engine.writes

    def records(self, table: str) -> Iterator[Mapping[str, str]]:
        """Raw records with all columns; nothing for an unknown table."""
        store = self._site.state.database.stores.get(table)
        if store is not None:
            yield from (store.table.full(row) for row in store.rows.values())

    def on_commit(self, callback: Commit) -> None:
        """Call back on each commit: table, operation, record with all columns, user name."""
        self._site.commits.append(callback)
        self._site.state.engine.on_commit(callback)

    def change(self, op: Mapping[str, Any]) -> dict[str, Any]:
        """People's changes (see people.change); `{"op": "expire_tokens"}` ends all access tokens.

        `{"op": "insert", "table", "rows": [...]}` adds rows as an administrator, e.g. CIs with an object_id.
        """
        if op.get("op") == "expire_tokens":
            self._site.tokens.expire()
            return {"op": "expire_tokens"}
        if op.get("op") == "insert":
            return self._insert(str(op.get("table", "")), op.get("rows") or [])
        try:
            return people.change(self._site, op)
        except ApiError as error:
            raise ValueError(f"{error.message}: {error.detail}") from error

    def _insert(self, table: str, rows: list[dict[str, str]]) -> dict[str, Any]:
        if table not in self._site.schema:
            raise ValueError(f"No such table: {table}.")
        made = [self._site.state.seeder.put(table, row, age_days=0)["sys_id"] for row in rows]
        return {"op": "insert", "table": table, "count": len(made), "sys_ids": made}

    def set_mode(self, name: str, value: Any) -> None:
        """Raises ValueError for an unknown mode or value; None is the default."""
        self._site.modes.set(name, value)
        if name == "close_codes":
            self._site.state.seeder.choices(self._site.coercion())

    def modes(self) -> Mapping[str, Any]:
        """The values in force by name; modes.DEFINITIONS says what each means."""
        return dict(self._site.modes.values)

    def set_limits(self, mode: str, overrides: Mapping[str, Any]) -> None:
        """`none` or `realistic`; overrides are the fields of traffic.Limits. Raises ValueError otherwise."""
        self._site.traffic.limits = Limits.of(mode, overrides)

    def reset(self) -> None:
        """Back to the seed, with default modes and the command line's limits."""
        self._site.reset()
