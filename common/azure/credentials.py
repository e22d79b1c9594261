"""Sign-in to Azure by azure-identity, for each cloud and for private authorities."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from pydantic import SecretStr

from common.errors import Fatal
from common.http.deadline import Deadline
from common.http.errors import HttpError, HttpFatal, HttpRetry, NeverSent

_EARLY = 300.0  # seconds before its expiry at which a token is fetched anew, as azure-core does
_CODE = re.compile(r"AADSTS\d+")
_TRANSIENT = frozenset({"AADSTS90033", "AADSTS50196", "AADSTS90006"})


@dataclass(frozen=True, slots=True)
class Cloud:
    """Addresses of one Azure cloud (defender-api 4). US Gov's token scope has a host of its own."""

    arm: str
    scope: str
    authority: str


CLOUDS: Mapping[str, Cloud] = {
    "public": Cloud(
        "https://management.azure.com",
        "https://management.azure.com/.default",
        "https://login.microsoftonline.com",
    ),
    "usgov": Cloud(
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net/.default",
        "https://login.microsoftonline.us",
    ),
}


def cloud_of(name: str) -> Cloud:
    """The cloud of a setting. Raises Fatal `unknown_cloud`."""
    if cloud := CLOUDS.get(name):
        return cloud
    raise Fatal("unknown_cloud", f"cloud {name[:20]!r} is not known: use {' or '.join(CLOUDS)}.")


@dataclass(frozen=True, slots=True)
class ClientSecret:
    tenant_id: str
    client_id: str
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class Certificate:
    """`path` is a PEM or PKCS12 file with the private key."""

    tenant_id: str
    client_id: str
    path: str
    password: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class WorkloadIdentity:
    """`token_file` None means AZURE_FEDERATED_TOKEN_FILE, which AKS sets."""

    tenant_id: str
    client_id: str
    token_file: str | None = None


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """`client_id` None means the system-assigned identity."""

    client_id: str | None = None


Identity = ClientSecret | Certificate | WorkloadIdentity | ManagedIdentity


@dataclass(frozen=True, slots=True)
class Network:
    """How the token endpoint is reached; `authority` only for a private one, which is trusted as it is."""

    authority: str | None = None
    ca_bundle: str | None = None
    proxies: Mapping[str, str] = field(default_factory=dict)


def build_credential(identity: Identity, cloud: Cloud, network: Network) -> TokenCredential:
    """The azure-identity credential of a setting: one named kind, never a chain (craft B.10).

    Raises ValueError or OSError where the library can't read what it is given.
    """
    options = _options(cloud, network)
    match identity:
        case ClientSecret():
            return ClientSecretCredential(
                identity.tenant_id, identity.client_id, identity.secret.get_secret_value(), **options
            )
        case Certificate():
            password = identity.password.get_secret_value() if identity.password else None
            return CertificateCredential(
                identity.tenant_id, identity.client_id, identity.path, password=password, **options
            )
        case WorkloadIdentity():
            named = {"token_file_path": identity.token_file} if identity.token_file else {}
            return WorkloadIdentityCredential(
                tenant_id=identity.tenant_id, client_id=identity.client_id, **named, **options
            )
        case ManagedIdentity():
            return ManagedIdentityCredential(client_id=identity.client_id)
        case _ as never:
            assert_never(never)


def _options(cloud: Cloud, network: Network) -> dict[str, Any]:
    """Explicit trust and proxies, as `build_session` has them; no sleeping between tries."""
    return {
        "authority": network.authority or cloud.authority,
        "disable_instance_discovery": network.authority is not None,
        "connection_verify": network.ca_bundle or True,
        "use_env_settings": False,
        "proxies": dict(network.proxies),
        "connection_timeout": 5,
        "read_timeout": 20,
        "retry_total": 0,
    }


class AzureSignIn:
    """Bearer headers from one credential per process; built at first use, and anew after a rejected token.

    `build` reads secrets and files each time, so that rotated ones are found.
    """

    def __init__(
        self, build: Callable[[], TokenCredential], scope: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._build = build
        self._scope = scope
        self._clock = clock
        self._lock = threading.Lock()
        self._credential: TokenCredential | None = None
        self._header = ""
        self._fresh_until = 0.0

    def header(self, deadline: Deadline) -> str:
        """The bearer header.

        Raises HttpFatal `signin_refused` with Entra's code, NeverSent, or HttpRetry `signin_failed`.
        """
        with self._lock:
            if not self._header or self._clock() >= self._fresh_until:
                deadline.timeouts(1.0, 1.0)  # raises when there is no time left
                token = self._fetch()
                lifetime = token.expires_on - self._clock()
                self._header = f"Bearer {token.token}"
                self._fresh_until = self._clock() + max(lifetime - _EARLY, lifetime / 2)
            return self._header

    def renew(self, rejected: str) -> None:
        with self._lock:
            if self._header == rejected:
                self._header, self._credential = "", None  # the library would serve the same token again

    def _fetch(self) -> AccessToken:
        try:
            if self._credential is None:
                self._credential = self._build()
            return self._credential.get_token(self._scope)
        except (AzureError, ValueError, OSError) as error:
            self._credential = None
            raise _typed(error) from None  # the original may carry the request


def _typed(error: Exception) -> HttpError:
    """Tell a refusal from trouble: the library wraps nearly everything in ClientAuthenticationError."""
    causes = tuple(_causes(error))
    if code := _CODE.search(str(error)):
        return _coded(code[0])
    if any(isinstance(cause, ServiceRequestError) for cause in causes):
        return _unreachable(str(error))
    if isinstance(causes[-1], ValueError | OSError | CredentialUnavailableError):
        return HttpFatal(
            "signin_refused",
            f"The Azure credential can't be used ({type(causes[-1]).__name__}): check its kind, tenant,"
            " files and settings.",
        )
    if isinstance(error, ClientAuthenticationError) and len(causes) == 1:
        return _coded("no code")
    return HttpRetry("signin_failed", f"Entra gave no clear answer ({type(causes[-1]).__name__}).")


def _unreachable(text: str) -> HttpError:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return HttpFatal("tls_refused", "The certificate of Entra is not trusted: set the CA bundle.")
    return NeverSent("never_sent", "Entra could not be reached.")


def _coded(code: str) -> HttpError:
    if code in _TRANSIENT:
        return HttpRetry("signin_failed", f"Entra could not sign in just now ({code}).")
    return HttpFatal(
        "signin_refused", f"Entra refused the sign-in ({code}): check tenant, client and its secret."
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, outermost first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__
