"""What the handlers share: the state that a reset renews, and the parts that outlive it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from services.simulator.clock import Clock
from services.simulator.gate import Gate
from services.simulator.options import ServiceNowOptions
from services.simulator.servicenow.acl import User
from services.simulator.servicenow.coerce import Coercion
from services.simulator.servicenow.dictionary.schema import Table, build_schema
from services.simulator.servicenow.engine import Act, Commit, Engine
from services.simulator.servicenow.errors import unauthenticated
from services.simulator.servicenow.modes import Modes
from services.simulator.servicenow.oauth import Tokens, basic_credentials
from services.simulator.servicenow.seed import Seeder
from services.simulator.servicenow.store import Database
from services.simulator.servicenow.times import stamp, zone
from services.simulator.servicenow.traffic import Limits, Traffic

BASIC_ROLE = "snc_basic_auth_api_access"


@dataclass(slots=True)
class State:
    """Everything that a reset throws away."""

    database: Database
    engine: Engine
    accounts: Mapping[str, User]
    seeder: Seeder
    tiny: dict[str, str] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    import_sets: int = 10_000


class Site:
    """One instance. No I/O at construction; the schema is built and the seed data made."""

    def __init__(self, options: ServiceNowOptions, gate: Gate, clock: Clock) -> None:
        self.options = options
        self.gate = gate
        self.clock = clock
        self.modes = Modes()
        self.traffic = Traffic(clock, self.modes, Limits.of(options.limits, {}))
        self.schema: Mapping[str, Table] = build_schema()
        self.tokens = Tokens(
            (options.client_id, options.client_secret),
            options.user,
            lambda: clock.now().timestamp(),
            lambda: self.traffic.limits.token_seconds,
            options.seed,
        )
        self.commits: list[Commit] = []
        self.state = self._fresh()

    def reset(self) -> None:
        """Seed data, default modes and the limits of the command line again; tokens stay valid."""
        self.state.engine.cancel_later()
        self.modes.reset()
        self.traffic.limits = Limits.of(self.options.limits, {})
        self.state = self._fresh()

    def stamp(self) -> str:
        return stamp(self.clock.now())

    def zone(self) -> tzinfo:
        return zone(str(self.modes["timezone"]))

    def coercion(self, *, display_input: bool = False) -> Coercion:
        return Coercion(self.state.database, self.modes, self.zone(), display_input)

    def act(self, user: User, at: str | None = None, *, display_input: bool = False) -> Act:
        return Act(user, at or self.stamp(), self.coercion(display_input=display_input))

    def authenticate(self, header: str) -> User:
        """The user of an Authorization header; raises ApiError 401 (servicenow-api 4.1, 4.3)."""
        error = unauthenticated()
        if header.lower().startswith("bearer "):
            name = self.tokens.user_of(header[7:].strip()) or ""
            error.headers = {"WWW-Authenticate": 'BEARER realm="Service-now", error="invalid_token"'}
        else:
            name = self._basic(header)
            error.headers = {"WWW-Authenticate": 'BASIC realm="Service-now"'}
        user = self.state.accounts.get(name)
        row = self.state.database.find("sys_user", user.sys_id) if user else None
        if user is None or row is None or row.get("active") != "true" or row.get("locked_out") == "true":
            raise error
        return user

    def _basic(self, header: str) -> str:
        """The user's name if the password is right and the restriction lets the user pass."""
        credentials = basic_credentials(header)
        user = self.state.accounts.get(credentials[0]) if credentials else None
        if credentials is None or user is None or not user.password or user.password != credentials[1]:
            return ""
        allowed = user.web_service_only or BASIC_ROLE in user.roles
        return user.name if allowed or not self.modes["basic_auth_restricted"] else ""

    def _fresh(self) -> State:
        database = Database(self.schema)
        engine = Engine(database, self.modes, self.options.user, self.options.seed, self.stamp)
        for callback in self.commits:
            engine.on_commit(callback)
        seeder = Seeder(database, self.options, self.clock.now())
        coercion = Coercion(database, self.modes, self.zone())
        return State(database, engine, seeder.fill(coercion), seeder)
