"""Connections: one Azure tenant (or a part of it) joined to one ServiceNow instance."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from common.settings.reference import Reference, SecretReference
from common.settings.schedule import Schedule, parse_schedule

_ID = re.compile(r"[a-z0-9-]{1,20}")
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
CHINA = (
    "is refused: Defender for Cloud in Azure China was retired on 2026-08-18; "
    "use public or usgov, or remove the connection"
)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _uuid(text: str) -> str:
    lowered = text.strip().lower()
    if not _UUID.fullmatch(lowered):
        raise ValueError("is no UUID; copy it from the Azure portal")
    return lowered


def _origin(text: str) -> str:
    """`https://host[:port]` without a trailing slash."""
    parts = urlsplit(text.strip())
    try:
        parts.port  # noqa: B018 - raises on nonsense
    except ValueError:
        raise ValueError("has a port that is no number; write https://host") from None
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("must begin with https://; write https://host")
    if parts.username or parts.password or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise ValueError("must be a bare address; write https://host without user, path or query")
    return f"https://{parts.netloc.lower()}"


def _from_base(path: Path, info: ValidationInfo) -> Path:
    base: Path | None = (info.context or {}).get("base")
    return base / path if base else path


def _cloud(value: Any) -> Any:
    if str(value).strip().lower() in ("china", "azurechina", "azurechinacloud", "mooncake"):
        raise ValueError(CHINA)
    return value


Uuid = Annotated[str, AfterValidator(_uuid)]
Origin = Annotated[str, AfterValidator(_origin)]
FilePath = Annotated[Path, AfterValidator(_from_base)]
Cloud = Annotated[Literal["public", "usgov"], BeforeValidator(_cloud)]


class ClientSecret(_Model):
    """An app registration's secret."""

    kind: Literal["client_secret"]
    secret: SecretReference


class Certificate(_Model):
    """An app registration's certificate: a PEM with the private key."""

    kind: Literal["certificate"]
    certificate: FilePath
    password: SecretReference | None = None


class WorkloadIdentity(_Model):
    """A federated token, planted by Kubernetes' workload identity webhook unless named here."""

    kind: Literal["workload_identity"]
    token_file: FilePath | None = None


class ManagedIdentity(_Model):
    """The identity of the virtual machine; user-assigned when `client_id` of `azure` is given."""

    kind: Literal["managed_identity"]


AzureCredential = Annotated[
    ClientSecret | Certificate | WorkloadIdentity | ManagedIdentity, Field(discriminator="kind")
]


class Azure(_Model):
    """The Azure side. `authority` and `resource_manager` are overridden for a private stand-in only."""

    cloud: Cloud = "public"
    tenant_id: Uuid
    client_id: Uuid | None = None
    credential: AzureCredential
    authority: Origin | None = None
    resource_manager: Origin | None = None
    ca_bundle: FilePath | None = None

    @model_validator(mode="after")
    def _named_client(self) -> Self:
        if self.client_id is None and self.credential.kind != "managed_identity":
            raise ValueError(
                f"credential kind {self.credential.kind} needs a client; add `client_id:` below azure"
            )
        return self


class ClientCredentials(_Model):
    """OAuth client_credentials: the application user stands in ServiceNow's OAuth registry. The default."""

    kind: Literal["client_credentials"]
    client_id: Reference
    client_secret: SecretReference


class PasswordGrant(_Model):
    """OAuth password grant, renewed by refresh_token."""

    kind: Literal["password"]
    client_id: Reference
    client_secret: SecretReference
    password: SecretReference


class JwtBearer(_Model):
    """OAuth jwt-bearer: `key` is the private key's PEM, `key_id` the `kid` registered in ServiceNow."""

    kind: Literal["jwt_bearer"]
    client_id: Reference
    client_secret: SecretReference
    key: SecretReference
    key_id: str


class Basic(_Model):
    """User and password on every request; only with `allow_basic: true`."""

    kind: Literal["basic"]
    password: SecretReference


ServiceNowAuth = Annotated[ClientCredentials | PasswordGrant | JwtBearer | Basic, Field(discriminator="kind")]


class ServiceNow(_Model):
    """The ServiceNow side. `user` is the integration user's user_name: it tells our writes from people's."""

    url: Origin
    user: Reference
    auth: ServiceNowAuth
    allow_basic: bool = False
    in_flight: int = Field(default=2, ge=1, le=16)
    requests_per_hour: int | None = Field(default=None, ge=100)
    ca_bundle: FilePath | None = None

    @model_validator(mode="after")
    def _basic_is_asked_for(self) -> Self:
        if self.auth.kind == "basic" and not self.allow_basic:
            raise ValueError("auth kind basic is off; use client_credentials, or add `allow_basic: true`")
        return self


class Scope(_Model):
    """What is read. Never 'all that I can see': one management group or subscription must be named.

    `tenants` filters rows of delegated (Lighthouse) subscriptions; empty means the connection's own tenant.
    """

    management_groups: tuple[str, ...] = ()
    subscriptions: tuple[Uuid, ...] = ()
    exclude: tuple[Uuid, ...] = ()
    tenants: tuple[Uuid, ...] = ()

    @model_validator(mode="after")
    def _explicit(self) -> Self:
        if not self.management_groups and not self.subscriptions:
            raise ValueError("names nothing to read; add `management_groups:` or `subscriptions:`")
        if left_out := set(self.subscriptions) & set(self.exclude):
            raise ValueError(f"names and excludes {min(left_out)}; keep it in one of the two lists")
        return self


class Connection(_Model):
    """One entry of connections.yaml. All paths are absolute or relative to that file."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: str
    enabled: bool = True
    azure: Azure
    servicenow: ServiceNow
    scope: Scope
    rules: FilePath
    schedule: Schedule = Field(default_factory=lambda: parse_schedule("24h"))
    disclose: Literal["summary", "full"] = "summary"

    @field_validator("id")
    @classmethod
    def _short(cls, text: str) -> str:
        if not _ID.fullmatch(text):
            raise ValueError("must be 1 to 20 of a-z, 0-9 and -; it is part of every ticket's correlation_id")
        return text

    @field_validator("schedule", mode="before")
    @classmethod
    def _scheduled(cls, given: Any) -> Any:
        if isinstance(given, str):
            return parse_schedule(given)
        raise ValueError("must be text; write '24h' or '0 2 * * *' in quotes")
