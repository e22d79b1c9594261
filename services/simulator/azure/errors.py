"""Refusals in ARM's and Resource Graph's shapes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec
from aiohttp import web

JSON = "application/json"


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """An answer other than 200, with its body as JSON."""

    def __init__(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        return web.Response(
            status=self.status,
            body=msgspec.json.encode(self.body),
            headers=self.headers,
            content_type=JSON,
            charset="utf-8",
        )


def arm(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Refusal:
    """`{"error": {"code", "message"}}`."""
    return Refusal(status, {"error": {"code": code, "message": message}}, headers)


def graph(status: int, code: str, now: datetime, details: Sequence[Mapping[str, Any]]) -> Refusal:
    """Resource Graph's: the reason stands in `details`, the message asks for support (real.

    Microsoft/ARI#199).
    """
    moment = now.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    message = (
        f"Please provide below info when asking for support: timestamp = {moment}, correlationId = {uuid4()}."
    )
    return Refusal(status, {"error": {"code": code, "message": message, "details": details}})


def unauthorized(code: str, message: str, tenant_id: str) -> Refusal:
    """401 with the challenge that ARM sends along."""
    challenge = (
        f'Bearer authorization_uri="https://login.microsoftonline.com/{tenant_id}", error="invalid_token", '
        f'error_description="{message}"'
    )
    return arm(401, code, message, {"WWW-Authenticate": challenge})


def forbidden(client_id: str, action: str, scope: str) -> Refusal:
    """No role at the scope."""
    return arm(
        403,
        "AuthorizationFailed",
        f"The client '{client_id}' with object id '{client_id}' does not have authorization to "
        "perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently "
        "granted, please refresh "
        "your credentials.",
    )
