"""Reading a Resource Graph request: body, options, scope, skip token."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from services.simulator.azure.errors import Refusal, graph
from services.simulator.azure.limits import Limits
from services.simulator.azure.model import ManagementGroup, Subscription
from services.simulator.azure.state import State


class Options(msgspec.Struct, rename={"top": "$top", "skip": "$skip", "skip_token": "$skipToken"}):
    """Null means not given, as the Azure SDKs send it for some."""

    top: int | None = None
    skip: int | None = None
    skip_token: str | None = None
    resultFormat: str | None = None  # noqa: N815 - the wire name
    allowPartialScopes: bool | None = None  # noqa: N815 - the wire name
    authorizationScopeFilter: str | None = None  # noqa: N815 - the wire name


class Body(msgspec.Struct):
    """The request of `POST /providers/Microsoft.ResourceGraph/resources`."""

    query: str
    subscriptions: list[str] | None = None
    managementGroups: list[str] | None = None  # noqa: N815 - the wire name
    options: Options | None = None
    facets: list[Any] | None = None


class SkipToken(msgspec.Struct):
    """Where the next page begins, for which query and scope, and in which churn."""

    offset: int
    digest: str
    salt: int
    top: int
    page: int


@dataclass(frozen=True, slots=True)
class Page:
    """A request that has been checked."""

    query: str
    digest: str
    top: int
    skip: int
    token: SkipToken | None
    table_format: bool


def parse(raw: bytes, now: datetime) -> Body:
    """Raises Refusal (400) for a body that is not such a request."""
    try:
        return msgspec.json.decode(raw, type=Body)
    except msgspec.MsgspecError as error:
        details = [{"code": "InvalidRequestContent", "message": f"The request content was invalid: {error}"}]
        raise graph(400, "BadRequest", now, details) from None


def check(body: Body, limits: Limits, now: datetime) -> Page:
    """Options and token. Raises Refusal (400)."""
    options = body.options or Options()
    if body.facets:
        raise _bad(now, "FacetsNotSupported", "This simulator computes no facets.")
    if options.resultFormat not in {None, "objectArray", "table"}:
        raise _bad(now, "InvalidResultFormat", f"Result format '{options.resultFormat}' is invalid.")
    if options.top is not None and not 1 <= options.top <= 1000:
        raise _bad(now, "InvalidTop", f"$top must be between 1 and 1000, it is {options.top}.")
    if options.skip is not None and options.skip < 0:
        raise _bad(now, "InvalidSkip", f"$skip must not be negative, it is {options.skip}.")
    if body.subscriptions and body.managementGroups:
        raise _bad(now, "InvalidScope", "Subscriptions and management groups can't be given together.")
    count = len(body.subscriptions or [])
    if count > limits.subscriptions_per_query:
        raise _bad(
            now,
            "TooManySubscriptions",
            f"The number of subscriptions {count} exceeds the limit of {limits.subscriptions_per_query}.",
        )
    digest = _digest(body)
    token = _token(options.skip_token, digest, now) if options.skip_token else None
    return Page(
        query=body.query,
        digest=digest,
        top=options.top or (token.top if token else 100),
        skip=options.skip or 0,
        token=token,
        table_format=options.resultFormat == "table",
    )


def _bad(now: datetime, code: str, message: str) -> Refusal:
    return graph(400, "BadRequest", now, [{"code": code, "message": message}])


def _digest(body: Body) -> str:
    scope = [
        sorted(map(str.lower, body.subscriptions or [])),
        sorted(map(str.lower, body.managementGroups or [])),
    ]
    return hashlib.blake2b(msgspec.json.encode([body.query, scope]), digest_size=8).hexdigest()


def encode_token(token: SkipToken) -> str:
    return base64.b64encode(msgspec.json.encode(token)).decode()


def _token(text: str, digest: str, now: datetime) -> SkipToken:
    try:
        token = msgspec.json.decode(base64.b64decode(text, validate=True), type=SkipToken)
    except (ValueError, msgspec.MsgspecError):
        # real: microsoft/ARI#201
        raise _bad(now, "CouldNotDecodeSkipToken", "Skip token could not be decoded.") from None
    if token.digest != digest:
        raise _bad(now, "InvalidSkipToken", "Skip token does not belong to this query and its scopes.")
    return token


@dataclass(frozen=True, slots=True)
class Scope:
    """What a query may see. `limit_hit`: there were more subscriptions than a tenant query covers."""

    rows: list[Subscription]
    containers: list[Subscription]
    groups: list[ManagementGroup]
    limit_hit: bool


def scope(body: Body, state: State) -> Scope:
    """Unknown or unreadable scopes give nothing, silently, as Resource Graph does."""
    world = state.world
    groups: list[ManagementGroup] = []
    if body.subscriptions:
        asked = {item.lower() for item in body.subscriptions}
        chosen = {item.id for item in world.subscriptions.values() if item.id.lower() in asked}
    elif body.managementGroups:
        wanted = {name.lower() for name in body.managementGroups}
        chosen = {item.id for item in world.under(body.managementGroups)}
        groups = [
            item
            for item in world.groups.values()
            if any(group.name.lower() in wanted for group in item.chain())
        ]
    else:
        chosen = set(world.subscriptions)
        groups = list(world.groups.values())
    limit = state.limits.tenant_subscriptions
    rows = [item for item in state.readable() if item.id in chosen]
    containers = [item for item in state.listed() if item.id in chosen]
    if not state.listed():
        groups = []  # a principal without any role does not see management groups either
    hit = not body.subscriptions and len(containers) > limit
    return Scope(rows[:limit], containers[:limit], groups, hit)
