"""What the command line decides, handed to the two clouds as frozen values."""

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Limits = Literal["none", "realistic"]


@dataclass(frozen=True, slots=True)
class AzureOptions:
    """The Azure side. `findings` counts assessment rows of every status; `load` holds payloads instead."""

    seed: int
    findings: int
    load: Path | None
    limits: Limits
    tenant_id: str
    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class ServiceNowOptions:
    """The ServiceNow side. `user` is narrow and web-service-only, `admin_user` is interactive."""

    seed: int
    limits: Limits
    client_id: str
    client_secret: str
    user: str
    password: str
    admin_user: str = "admin"
    admin_password: str = "admin-is-interactive"  # noqa: S105 - the simulator refuses it by design


def _uuid(seed: int, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"isthmus-simulator/{seed}/{name}"))


def _secret(seed: int, name: str) -> str:
    return hashlib.blake2b(f"isthmus-simulator/{seed}/{name}".encode(), digest_size=16).hexdigest()


def azure_options(seed: int, findings: int, load: Path | None, limits: Limits) -> AzureOptions:
    """Options with credentials that depend on the seed only: a restarted simulator keeps its clients."""
    return AzureOptions(
        seed=seed,
        findings=findings,
        load=load,
        limits=limits,
        tenant_id=_uuid(seed, "tenant"),
        client_id=_uuid(seed, "client"),
        client_secret=_secret(seed, "azure-secret"),
    )


def servicenow_options(seed: int, limits: Limits) -> ServiceNowOptions:
    """Options with credentials that depend on the seed only; OAuth client ids are 32 hex there."""
    return ServiceNowOptions(
        seed=seed,
        limits=limits,
        client_id=_secret(seed, "servicenow-client"),
        client_secret=_secret(seed, "servicenow-secret"),
        user="isthmus.integration",
        password=_secret(seed, "servicenow-password"),
    )
