"""ARM lists: what recommendations mean, which plans are on, which subscriptions exist (defender-api 2)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from common.azure.caller import ArmCaller, Budget, NoBudget
from common.azure.levels import severity_of
from common.errors import Fatal
from common.http.deadline import Deadline
from common.http.errors import Throttled
from common.model.finding import Recommendation, Subscription

T = TypeVar("T")

METADATA_ROUTE = "arm.assessmentMetadata"
PRICINGS_ROUTE = "arm.pricings"
SUBSCRIPTIONS_ROUTE = "arm.subscriptions"
_MOST_PAGES = 1000


class _List(msgspec.Struct):
    value: list[dict[str, Any]]
    nextLink: str | None = None  # noqa: N815 - Azure's key


_list = msgspec.json.Decoder(_List)


@dataclass(frozen=True, slots=True)
class Pricing:
    """A Defender plan; `on` where its tier is Standard. `CloudPosture` is Defender CSPM."""

    name: str
    on: bool


def lower_keys(value: Any) -> Any:
    """JSON with lower-case keys throughout: Azure's casing differs between its APIs (defender-api 0#6)."""
    if isinstance(value, Mapping):
        return {str(key).lower(): lower_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [lower_keys(item) for item in value]
    return value


class Arm:
    """Reads ARM's lists. `budget` gives the token bucket of a subscription ("" = the tenant's)."""

    def __init__(self, caller: ArmCaller, budget: Callable[[str], Budget] | None = None) -> None:
        self._caller = caller
        self._budget = budget or (lambda _: NoBudget())

    def recommendations(self, *, deadline: Deadline, subscription: str = "") -> dict[str, Recommendation]:
        """What assessmentMetadata says, by lower-case key: the built-in, or a subscription's (custom too)."""
        scope = f"/subscriptions/{_segment(subscription)}" if subscription else ""
        path = f"{scope}/providers/Microsoft.Security/assessmentMetadata"
        items = self._items(path, "2025-05-04", METADATA_ROUTE, subscription, deadline)
        found = (_recommendation(item) for item in items)
        return {entry.key: entry for entry in found if entry.key}

    def pricings(self, subscription: str, *, deadline: Deadline) -> tuple[Pricing, ...]:
        """The Defender plans of a subscription."""
        path = f"/subscriptions/{_segment(subscription)}/providers/Microsoft.Security/pricings"
        items = self._items(path, "2024-01-01", PRICINGS_ROUTE, subscription, deadline)
        return tuple(
            Pricing(_text(item, "name"), _text(_inner(item), "pricingtier").lower() == "standard")
            for item in items
        )

    def subscriptions(self, *, deadline: Deadline) -> tuple[Subscription, ...]:
        """Every subscription that the principal can read, without management groups."""
        items = self._items("/subscriptions", "2022-12-01", SUBSCRIPTIONS_ROUTE, "", deadline)
        return tuple(
            Subscription(
                id=_text(item, "subscriptionid").lower(),
                name=_text(item, "displayname"),
                tenant=_text(item, "tenantid").lower(),
                state=_text(item, "state"),
            )
            for item in items
        )

    def _items(
        self, path: str, version: str, route: str, subscription: str, deadline: Deadline
    ) -> Iterator[Mapping[str, Any]]:
        """Items of all pages, keys in lower case."""
        params: dict[str, str] | None = {"api-version": version}
        budget = self._budget(subscription)
        for _ in range(_MOST_PAGES):
            budget.acquire(1, min(2.0, deadline.remaining()))
            try:
                page = self._caller.get(path, route, _list.decode, deadline, params)
            except Throttled as error:
                budget.observed(0, error.seconds)
                raise
            yield from (lower_keys(item) for item in page.value)
            if not page.nextLink:
                return
            path, params = page.nextLink, None  # the link carries its own version
        raise Fatal("cursor_stuck", f"Azure's {route} does not end after {_MOST_PAGES} pages.")


def _segment(subscription: str) -> str:
    """A subscription's id as a path segment. Raises Fatal `bad_scope` for anything else."""
    if not subscription.replace("-", "").isalnum():
        raise Fatal("bad_scope", f"{subscription[:40]!r} is not a subscription's id.")
    return subscription


def _recommendation(item: Mapping[str, Any]) -> Recommendation:
    inner = _inner(item)
    categories = inner.get("categories")
    return Recommendation(
        key=_text(item, "name").lower(),
        title=_text(inner, "displayname"),
        severity=severity_of(_text(inner, "severity")),
        categories=tuple(str(name) for name in categories) if isinstance(categories, list) else (),
        preview=inner.get("preview") is True,
        assessment_type=_text(inner, "assessmenttype"),
        description=_text(inner, "description"),
        remediation=_text(inner, "remediationdescription"),
    )


def _inner(item: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = item.get("properties")
    return inner if isinstance(inner, Mapping) else {}


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""
