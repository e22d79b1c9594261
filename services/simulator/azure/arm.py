"""Azure Resource Manager: assessments, assessmentMetadata, pricings, subscriptions. Reads only."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web

from services.simulator.azure import rest
from services.simulator.azure.bearer import Principal
from services.simulator.azure.errors import Refusal, arm, forbidden
from services.simulator.azure.model import Subscription
from services.simulator.azure.replies import answer, refuse, version_invalid, version_required
from services.simulator.azure.resourcegraph import ResourceGraph
from services.simulator.azure.state import State
from services.simulator.azure.throttle import reads

_SECURITY = r"/providers/Microsoft\.Security"
_SUBSCRIPTION = r"/subscriptions/(?P<subscription>[^/]+)"
_GROUP = r"/providers/Microsoft\.Management/managementGroups/(?P<group>[^/]+)"
_PRICING_VERSIONS = ("2022-03-01", "2023-01-01", "2024-01-01")
_SUBSCRIPTION_VERSIONS = ("2016-06-01", "2019-11-01", "2020-01-01", "2021-01-01", "2022-12-01")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that reached a handler; `match` holds the parts of the path."""

    request: web.Request
    match: re.Match[str]
    principal: Principal
    version: str

    def part(self, name: str) -> str | None:
        return self.match.groupdict().get(name)


Handler = Callable[["Arm", Call], object]


class Arm:
    """Dispatches by path, whatever its casing."""

    def __init__(self, state: State) -> None:
        self.state = state
        graph = ResourceGraph(state)
        self.app = web.Application(client_max_size=8 * 1024 * 1024)
        self.app.router.add_post("/{provider:(?i:providers/Microsoft.ResourceGraph/resources)}", graph.handle)
        self.app.router.add_route("*", "/{path:.*}", self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            principal = self.state.mint.verify(request.headers.get("Authorization"))
            route, versions, handler, match = self._route(request)
            version = request.query.get("api-version")
            if version is None:
                raise version_required()
            if version not in versions:
                raise version_invalid(version, versions)
            call = Call(request, match, principal, version)
            subscription = self._subscription(call, route) if call.part("subscription") else None
            headers = reads(self.state, principal.client_id, subscription)
            await self.state.gate.before(request, route)
            response = answer(handler(self, call), headers)
        except Refusal as refusal:
            return refuse(refusal)
        return await self.state.gate.after(request, route, response)

    def _route(self, request: web.Request) -> tuple[str, tuple[str, ...], Handler, re.Match[str]]:
        path = request.path.rstrip("/")
        for pattern, route, versions, handler in _ROUTES:
            match = pattern.fullmatch(path)
            if match:
                if request.method != "GET":
                    raise arm(
                        405,
                        "MethodNotAllowed",
                        f"The method {request.method} is not supported by this simulator.",
                    )
                return route, versions, handler, match
        raise arm(404, "InvalidResourceType", f"The resource type could not be found for '{path}'.")

    def _subscription(self, call: Call, route: str) -> Subscription:
        name = str(call.part("subscription")).lower()
        found = self.state.world.subscriptions.get(name)
        if found is None:
            raise arm(404, "SubscriptionNotFound", f"The subscription '{name}' could not be found.")
        if self.state.modes.role_lost(found.id):
            action = f"Microsoft.Security/{route.removeprefix('arm.')}/read"
            raise forbidden(call.principal.client_id, action, f"/subscriptions/{found.id}")
        return found

    def _in_scope(self, call: Call) -> list[Subscription]:
        if call.part("subscription"):
            return [self._subscription(call, "arm.assessments")]
        group = str(call.part("group"))
        if group.lower() not in self.state.world.groups:
            raise arm(404, "NotFound", f"The management group '{group}' cannot be found")
        readable = {item.id for item in self.state.readable()}
        return [item for item in self.state.world.under([group]) if item.id in readable]

    def assessments(self, call: Call) -> object:
        """The list of a scope, by pages."""
        world, modes = self.state.world, self.state.modes
        found = [finding for item in self._in_scope(call) for finding in world.rows(item)]
        churn = modes.churn(modes.next_salt())
        return self._page(call, found, lambda item: rest.assessment(item, call.version, churn=churn))

    def assessment(self, call: Call) -> object:
        """One assessment on a resource, with $expand."""
        path = call.request.path
        finding = self.state.world.finding(path)
        subscription = re.match(_SUBSCRIPTION, path, re.IGNORECASE)
        if subscription:
            sub = Call(call.request, subscription, call.principal, call.version)
            self._subscription(sub, "arm.assessments")
        if finding is None:
            raise arm(404, "ResourceNotFound", f"The Resource '{path}' was not found.")
        expand = frozenset(part.strip().lower() for part in call.request.query.get("$expand", "").split(","))
        return rest.assessment(finding, call.version, expand)

    def metadata_list(self, call: Call) -> object:
        subscription = call.part("subscription")
        prefix = f"/subscriptions/{subscription}" if subscription else ""
        found = [
            item
            for item in self.state.world.recommendations.values()
            if item.documented and not item.retired and (prefix or not item.custom)
        ]
        return self._page(call, found, lambda item: rest.metadata(item, call.version, prefix))

    def metadata(self, call: Call) -> object:
        name = str(call.part("name"))
        item = self.state.world.recommendations.get(name.lower())
        if item is None or item.retired or not item.documented:
            raise arm(404, "ResourceNotFound", f"The assessment metadata '{name}' was not found.")
        subscription = call.part("subscription")
        return rest.metadata(item, call.version, f"/subscriptions/{subscription}" if subscription else "")

    def pricings(self, call: Call) -> object:
        return {"value": self._plans(call)}

    def pricing(self, call: Call) -> object:
        name = str(call.part("name"))
        for plan in self._plans(call):
            if str(plan["name"]).lower() == name.lower():
                return plan
        raise arm(404, "ResourceNotFound", f"The pricing plan '{name}' was not found.")

    def _plans(self, call: Call) -> list[dict[str, Any]]:
        subscription = self._subscription(call, "arm.pricings")
        return self.state.world.pricings.get(subscription.id) or rest.pricings(subscription)

    def subscriptions(self, call: Call) -> object:
        world = self.state.world
        page = self._page(call, self.state.listed(), lambda item: rest.subscription(item, world.tenant_id))
        return {**page, "count": {"type": "Total", "value": len(self.state.listed())}}

    def subscription(self, call: Call) -> object:
        return rest.subscription(self._subscription(call, "arm.subscriptions"), self.state.world.tenant_id)

    def _page(self, call: Call, items: list[Any], shown: Callable[[Any], object]) -> dict[str, object]:
        """`value` and, when there is more, `nextLink`."""
        size = self.state.limits.arm_page
        start = _offset(call.request.query.get("$skipToken"))
        body: dict[str, object] = {"value": [shown(item) for item in items[start : start + size]]}
        if start + size < len(items):
            token = base64.b64encode(msgspec.json.encode(start + size)).decode()
            body["nextLink"] = (
                f"https://{call.request.host}{quote(call.request.path)}?api-version={call.version}&$skipToken={quote(token)}"
            )
        return body


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return msgspec.json.decode(base64.b64decode(token, validate=True), type=int)
    except (ValueError, msgspec.MsgspecError):
        raise arm(400, "InvalidSkipToken", "The provided $skipToken is not valid.") from None


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_METADATA = rf"{_SECURITY}/assessmentMetadata"
_ROUTES: tuple[tuple[re.Pattern[str], str, tuple[str, ...], Handler], ...] = (
    (_compiled("/subscriptions"), "arm.subscriptions", _SUBSCRIPTION_VERSIONS, Arm.subscriptions),
    (_compiled(_SUBSCRIPTION), "arm.subscriptions", _SUBSCRIPTION_VERSIONS, Arm.subscription),
    (
        _compiled(rf"({_SUBSCRIPTION}|{_GROUP}){_SECURITY}/assessments"),
        "arm.assessments",
        rest.VERSIONS,
        Arm.assessments,
    ),
    (
        _compiled(rf"/.+{_SECURITY}/assessments/(?P<name>[^/]+)"),
        "arm.assessments",
        rest.VERSIONS,
        Arm.assessment,
    ),
    (
        _compiled(rf"({_SUBSCRIPTION})?{_METADATA}"),
        "arm.assessmentMetadata",
        rest.VERSIONS,
        Arm.metadata_list,
    ),
    (
        _compiled(rf"({_SUBSCRIPTION})?{_METADATA}/(?P<name>[^/]+)"),
        "arm.assessmentMetadata",
        rest.VERSIONS,
        Arm.metadata,
    ),
    (_compiled(rf"{_SUBSCRIPTION}{_SECURITY}/pricings"), "arm.pricings", _PRICING_VERSIONS, Arm.pricings),
    (
        _compiled(rf"{_SUBSCRIPTION}{_SECURITY}/pricings/(?P<name>[^/]+)"),
        "arm.pricings",
        _PRICING_VERSIONS,
        Arm.pricing,
    ),
)
