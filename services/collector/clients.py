"""The clients of each connection: built on first use, and again when a mounted secret was replaced."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import redis
import requests
from azure.core.credentials import TokenCredential

from common.azure import credentials
from common.azure.answers import SIDE as AZURE_SIDE
from common.azure.arm import Arm
from common.azure.caller import ArmCaller
from common.azure.resource_graph import ResourceGraph
from common.http.exchange import Exchange, Observer
from common.http.session import build_session
from common.http.signin import SignIn
from common.runtime.version import VERSION
from common.servicenow import auth as signins
from common.servicenow.answers import SIDE as SERVICENOW_SIDE
from common.servicenow.instance import Instance, instance_url
from common.servicenow.table import TableClient
from common.settings import connection as models
from common.settings.connection import Connection
from common.settings.reference import Reference
from common.settings.settings import Settings
from common.state.budget import Bucket, Permits, WindowBudget
from services.collector.ports import Clients

_PERMIT_MARGIN = 5.0  # seconds


class ClientPool:
    """Clients by connection; safe to share between threads."""

    def __init__(
        self,
        settings: Settings,
        connections: Mapping[str, Connection],
        client: redis.Redis,
        observer: Observer,
    ) -> None:
        self._settings = settings
        self._connections = connections
        self._client = client
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
        graph, arm = self._azure(connection.azure)
        return Clients(graph, arm, self._tables(connection.servicenow))

    def _azure(self, azure: models.Azure) -> tuple[ResourceGraph, Arm]:
        settings = self._settings
        cloud = credentials.cloud_of(azure.cloud)
        bundle = self._bundle(azure.ca_bundle)
        network = credentials.Network(azure.authority, bundle, settings.proxies)
        sign_in = credentials.AzureSignIn(_credential_builder(azure, cloud, network), cloud.scope)
        exchange = Exchange(AZURE_SIDE, self._session(bundle), self._observer)
        caller = ArmCaller(azure.resource_manager or cloud.arm, sign_in, exchange)
        principal = f"{azure.cloud}:{azure.tenant_id}:{azure.client_id or 'managed'}"
        budget = WindowBudget(self._client, principal, calls=settings.quota_calls, share=settings.quota_share)
        bucket_of = _Buckets(self._client, principal, settings.quota_share)
        return ResourceGraph(caller, budget), Arm(caller, bucket_of)

    def _tables(self, servicenow: models.ServiceNow) -> TableClient:
        # The file of connections is the operator's own word for the host.
        url = instance_url(servicenow.url, [urlsplit(servicenow.url).hostname or ""])
        exchange = Exchange(
            SERVICENOW_SIDE, self._session(self._bundle(servicenow.ca_bundle)), self._observer
        )
        cap = servicenow.requests_per_hour
        permits = Permits(
            self._client,
            servicenow.url,  # the writer shares them by the same name
            limit=servicenow.in_flight,
            # A killed holder's permit comes back soon after its lease on the work, as in the writer.
            lease_seconds=self._settings.lease_seconds + _PERMIT_MARGIN,
            hourly=Bucket.hourly(self._client, servicenow.url, cap) if cap else None,
        )
        return TableClient(Instance(url, _servicenow_sign_in(servicenow, url, exchange), exchange, permits))

    def _session(self, bundle: str | None) -> requests.Session:
        settings = self._settings
        return build_session(
            bundle,
            settings.proxies,
            settings.concurrency,
            f"isthmus/{VERSION}",
            no_proxy=settings.no_proxy.split(","),
        )

    def _bundle(self, own: Path | None) -> str | None:
        bundle = own or self._settings.ca_bundle
        return str(bundle) if bundle else None


class _Buckets:
    """ARM's token buckets by subscription ("" = the tenant's)."""

    def __init__(self, client: redis.Redis, principal: str, share: float) -> None:
        self._client = client
        self._principal = principal
        self._share = share

    def __call__(self, subscription: str) -> Bucket:
        return Bucket(self._client, f"{self._principal}:{subscription or 'tenant'}", share=self._share)


def _credential_builder(
    azure: models.Azure, cloud: credentials.Cloud, network: credentials.Network
) -> Callable[[], TokenCredential]:
    """Reads secrets and files each time it is called, so that rotated ones are found."""
    return lambda: credentials.build_credential(_identity(azure), cloud, network)


def _identity(azure: models.Azure) -> credentials.Identity:
    tenant, client, given = azure.tenant_id, azure.client_id or "", azure.credential
    match given:
        case models.ClientSecret():
            return credentials.ClientSecret(tenant, client, given.secret.read())
        case models.Certificate():
            password = given.password.read() if given.password else None
            return credentials.Certificate(tenant, client, str(given.certificate), password)
        case models.WorkloadIdentity():
            token_file = str(given.token_file) if given.token_file else None
            return credentials.WorkloadIdentity(tenant, client, token_file)
        case models.ManagedIdentity():
            return credentials.ManagedIdentity(azure.client_id)


def _servicenow_sign_in(servicenow: models.ServiceNow, url: str, exchange: Exchange) -> SignIn:
    given = servicenow.auth
    user = servicenow.user.read().get_secret_value()
    if isinstance(given, models.Basic):
        basic = signins.Basic(user, given.password.read())
        return signins.BasicSignIn(basic, allow_basic=servicenow.allow_basic)
    client_id, secret = given.client_id.read().get_secret_value(), given.client_secret.read()
    grant: signins.Grant
    match given:
        case models.ClientCredentials():
            grant = signins.ClientCredentials(client_id, secret)
        case models.PasswordGrant():
            grant = signins.Password(client_id, secret, user, given.password.read())
        case models.JwtBearer():
            grant = signins.JwtBearer(client_id, secret, user, given.key.read(), given.key_id)
    return signins.OAuthSignIn(url, grant, exchange)


def _secrets(connection: Connection) -> tuple[str, ...]:
    """Every value that signs in, for comparison only."""
    parts = (connection.servicenow, connection.servicenow.auth, connection.azure.credential)
    found = [getattr(part, name) for part in parts for name in type(part).model_fields]
    return tuple(one.read().get_secret_value() for one in found if isinstance(one, Reference))
