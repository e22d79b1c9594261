"""The clients of each connection's instance: built on first use, and again when a secret was replaced."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from common.errors import Fatal
from common.http.exchange import Exchange, Observer
from common.http.session import build_session
from common.http.signin import SignIn
from common.runtime.version import VERSION
from common.servicenow.answers import SIDE
from common.servicenow.auth import (
    Basic,
    BasicSignIn,
    ClientCredentials,
    Grant,
    JwtBearer,
    OAuthSignIn,
    Password,
)
from common.servicenow.batch import BatchClient
from common.servicenow.instance import Gate, Instance, instance_url
from common.servicenow.table import TableClient
from common.settings import connection as models
from common.settings.connection import Connection
from common.settings.settings import Settings
from services.servicenow_writer.attachments import Attachments


@dataclass(frozen=True, slots=True)
class Clients:
    """What the writer needs of one instance. `user` is our user_name there."""

    table: TableClient
    batch: BatchClient
    attachments: Attachments
    gate: Gate
    user: str


class ClientPool:
    """Clients by connection; safe to share between threads."""

    def __init__(
        self,
        settings: Settings,
        connections: Mapping[str, Connection],
        gate_of: Callable[[Connection], Gate],
        observer: Observer,
    ) -> None:
        self._settings = settings
        self._connections = connections
        self._gate_of = gate_of
        self._observer = observer
        self._built: dict[str, tuple[tuple[str, ...], Clients]] = {}
        self._lock = threading.Lock()

    def of(self, connection: str) -> Clients:
        """The clients. Raises Fatal `secret_missing`, `bad_instance_url` or `basic_not_allowed`."""
        with self._lock:
            if connection not in self._built:
                one = self._connections[connection]
                self._built[connection] = (_secrets(one), self._build(one))
            return self._built[connection][1]

    def renew(self, connection: str) -> bool:
        """Read mounted secrets again; answers whether they changed, so that another try makes sense."""
        with self._lock:
            one = self._connections[connection]
            now = _secrets(one)
            if connection in self._built and self._built[connection][0] == now:
                return False
            self._built[connection] = (now, self._build(one))
            return True

    def _build(self, connection: Connection) -> Clients:
        servicenow, settings = connection.servicenow, self._settings
        # The file of connections is the operator's own word for the host.
        url = instance_url(servicenow.url, [urlsplit(servicenow.url).hostname or ""])
        bundle = servicenow.ca_bundle or settings.ca_bundle
        session = build_session(
            str(bundle) if bundle else None,
            settings.proxies,
            settings.concurrency,
            f"isthmus/{VERSION}",
            no_proxy=settings.no_proxy.split(","),
        )
        exchange = Exchange(SIDE, session, self._observer)
        sign_in, gate = _sign_in(servicenow, url, exchange), self._gate_of(connection)
        instance = Instance(url, sign_in, exchange, gate)
        return Clients(
            TableClient(instance),
            BatchClient(instance),
            Attachments(url, sign_in, exchange, gate),
            gate,
            servicenow.user.read().get_secret_value(),
        )


def _sign_in(servicenow: models.ServiceNow, url: str, exchange: Exchange) -> SignIn:
    auth = servicenow.auth
    if isinstance(auth, models.Basic):
        basic = Basic(servicenow.user.read().get_secret_value(), auth.password.read())
        return BasicSignIn(basic, allow_basic=servicenow.allow_basic)
    return OAuthSignIn(url, _grant(servicenow, auth), exchange)


def _grant(
    servicenow: models.ServiceNow, auth: models.ClientCredentials | models.PasswordGrant | models.JwtBearer
) -> Grant:
    client_id, secret = auth.client_id.read().get_secret_value(), auth.client_secret.read()
    if isinstance(auth, models.ClientCredentials):
        return ClientCredentials(client_id, secret)
    user = servicenow.user.read().get_secret_value()
    if isinstance(auth, models.PasswordGrant):
        return Password(client_id, secret, user, auth.password.read())
    return JwtBearer(client_id, secret, user, auth.key.read(), auth.key_id)


def _secrets(connection: Connection) -> tuple[str, ...]:
    """Every value that signs in, for comparison only."""
    auth = connection.servicenow.auth
    named = (getattr(auth, name, None) for name in ("client_id", "client_secret", "password", "key"))
    references = [connection.servicenow.user, *(one for one in named if one is not None)]
    return tuple(reference.read().get_secret_value() for reference in references)


def unknown(connection: str) -> Fatal:
    """The error for a connection that is not configured."""
    return Fatal("unknown_connection", f"There is no connection {connection!r} in connections.yaml.")
