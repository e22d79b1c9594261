"""The one JSON line that tells where everything is."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from services.simulator.options import AzureOptions, ServiceNowOptions


class Ready(msgspec.Struct, frozen=True):
    """The keys and their order are what issue 2 fixes."""

    azure: str
    login: str
    servicenow: str
    control: str
    ca: str
    tenant_id: str
    client_id: str
    client_secret: str
    servicenow_client_id: str
    servicenow_client_secret: str
    servicenow_user: str
    servicenow_password: str


def ready(urls: Mapping[str, str], ca: Path, azure: AzureOptions, servicenow: ServiceNowOptions) -> Ready:
    """Everything that a client needs to connect."""
    return Ready(
        azure=urls["azure"],
        login=urls["login"],
        servicenow=urls["servicenow"],
        control=urls["control"],
        ca=str(ca),
        tenant_id=azure.tenant_id,
        client_id=azure.client_id,
        client_secret=azure.client_secret,
        servicenow_client_id=servicenow.client_id,
        servicenow_client_secret=servicenow.client_secret,
        servicenow_user=servicenow.user,
        servicenow_password=servicenow.password,
    )
