"""What the core needs of the two clouds, and how they are built: the only seam between the three parts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any, Protocol, cast

from aiohttp import web

from services.simulator.clock import Clock
from services.simulator.gate import Gate
from services.simulator.options import AzureOptions, ServiceNowOptions

Commit = Callable[[str, str, Mapping[str, str], str], None]
"""(table, "insert" | "update" | "delete", the record as committed with all columns, sys_updated_by)."""


class Cloud(Protocol):
    """What both clouds offer to control. Unknown ops and modes raise ValueError with a sentence."""

    def change(self, op: Mapping[str, Any]) -> dict[str, Any]: ...
    def set_mode(self, name: str, value: Any) -> None: ...
    def modes(self) -> Mapping[str, Any]: ...
    def set_limits(self, mode: str, overrides: Mapping[str, Any]) -> None: ...
    def reset(self) -> None:
        """The seed's data, modes off and the command line's limits; commit hooks stay."""


class AzureCloud(Cloud, Protocol):
    """`findings` yields the ground truth, one mapping per assessment row; `query` filters by equal values."""

    @property
    def arm_app(self) -> web.Application: ...
    @property
    def login_app(self) -> web.Application: ...
    def findings(self, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]: ...


class Instance(Cloud, Protocol):
    """`records` yields raw records; `writes` counts integration-user commits on `isth:` records per table."""

    @property
    def app(self) -> web.Application: ...
    @property
    def writes(self) -> Mapping[str, int]: ...
    def records(self, table: str) -> Iterable[Mapping[str, str]]: ...
    def on_commit(self, callback: Commit) -> None: ...


def limit_names() -> tuple[frozenset[str], frozenset[str]]:
    """The limits that Azure and ServiceNow can override, by name."""
    azure = import_module("services.simulator.azure.limits").Limits
    servicenow = import_module("services.simulator.servicenow.traffic").Limits
    return frozenset(f.name for f in fields(azure)), frozenset(f.name for f in fields(servicenow))


def build_azure(options: AzureOptions, gate: Gate, clock: Clock) -> AzureCloud:
    """The Azure side: `services.simulator.azure.build`."""
    return cast("AzureCloud", import_module("services.simulator.azure").build(options, gate, clock))


def build_servicenow(options: ServiceNowOptions, gate: Gate, clock: Clock) -> Instance:
    """The ServiceNow side: `services.simulator.servicenow.build`."""
    return cast("Instance", import_module("services.simulator.servicenow").build(options, gate, clock))
