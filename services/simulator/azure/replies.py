"""What every ARM answer carries."""

from uuid import uuid4

import msgspec
from aiohttp import web

from services.simulator.azure.errors import Refusal, arm


def arm_headers() -> dict[str, str]:
    """Request ids and cache headers (defender-api §4)."""
    request_id = str(uuid4())
    return {
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
        "Expires": "-1",
        "x-ms-request-id": request_id,
        "x-ms-correlation-request-id": request_id,
        "x-ms-routing-request-id": f"WESTEUROPE:{request_id}",
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
    }


def refuse(refusal: Refusal) -> web.Response:
    """The refusal as an answer with ARM's headers."""
    response = refusal.response()
    for name, value in arm_headers().items():
        response.headers.setdefault(name, value)
    return response


def answer(body: object, headers: dict[str, str]) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body),
        headers=arm_headers() | headers,
        content_type="application/json",
        charset="utf-8",
    )


def version_required() -> Refusal:
    return arm(
        400,
        "MissingApiVersionParameter",
        "The api-version query parameter (?api-version=) is required for all requests.",
    )


def version_invalid(version: str, supported: tuple[str, ...]) -> Refusal:
    return arm(
        400,
        "InvalidApiVersionParameter",
        f"The api-version '{version}' is invalid. The supported versions are '{','.join(supported)}'.",
    )
