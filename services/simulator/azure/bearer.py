"""Access tokens: signed like real ones, checked by ARM for signature, audience, tenant and expiry."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from services.simulator.azure.errors import unauthorized
from services.simulator.clock import Clock

AUDIENCES = (
    "https://management.core.windows.net/",
    "https://management.core.windows.net",
    "https://management.azure.com/",
    "https://management.azure.com",
    "https://management.core.usgovcloudapi.net/",
    "https://management.core.usgovcloudapi.net",
    "https://management.usgovcloudapi.net/",
    "https://management.usgovcloudapi.net",
)
_HEADER = {"typ": "JWT", "alg": "HS256", "kid": "simulator"}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: the service principal's client id."""

    client_id: str


def _b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def unb64(raw: str) -> bytes:
    """Decode base64url without padding. Raises ValueError."""
    return base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))


class TokenMint:
    """Issues and verifies; `lifetime` in seconds. Tokens of another simulator's key are refused."""

    def __init__(self, tenant_id: str, key: bytes, clock: Clock, lifetime: int = 3599) -> None:
        self._tenant_id = tenant_id
        self._key = key
        self._clock = clock
        self.lifetime = lifetime

    def issue(self, client_id: str, audience: str) -> str:
        now = int(self._clock.now().timestamp())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self._tenant_id}/",
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime,
            "appid": client_id,
            "appidacr": "1",
            "idtyp": "app",
            "oid": client_id,
            "sub": client_id,
            "tid": self._tenant_id,
            "ver": "1.0",
        }
        signed = _b64(msgspec.json.encode(_HEADER)) + b"." + _b64(msgspec.json.encode(claims))
        return (signed + b"." + self._signature(signed)).decode()

    def verify(self, header: str | None) -> Principal:
        """The caller of a request with this Authorization header. Raises Refusal (401) with ARM's codes."""
        if not header:
            raise unauthorized(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
                self._tenant_id,
            )
        scheme, _, token = header.partition(" ")
        claims = self._claims(token) if scheme.lower() == "bearer" else None
        if claims is None:
            raise unauthorized("InvalidAuthenticationToken", "The access token is invalid.", self._tenant_id)
        if claims["aud"] not in AUDIENCES:
            raise unauthorized(
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource "
                f"'{claims['aud']}'. It should exactly "
                f"match with one of the allowed audiences {','.join(repr(item) for item in AUDIENCES)}.",
                self._tenant_id,
            )
        now = int(self._clock.now().timestamp())
        if claims["exp"] <= now:
            raise unauthorized(
                "ExpiredAuthenticationToken",
                f"The access token expiry UTC time '{_american(claims['exp'])}' is earlier than "
                "current UTC time "
                f"'{_american(now)}'.",
                self._tenant_id,
            )
        return Principal(claims["appid"])

    def _claims(self, token: str) -> dict[str, Any] | None:
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(signed.encode()), signature.encode()):
            return None
        return msgspec.json.decode(unb64(signed.partition(".")[2]), type=dict[str, Any])

    def _signature(self, signed: bytes) -> bytes:
        return _b64(hmac.new(self._key, signed, hashlib.sha256).digest())


def _american(timestamp: int) -> str:
    """`12/25/2020 12:27:05 PM`: months and hours without leading zeros (real: tomkerkhove/promitor#1432)."""
    moment = datetime.fromtimestamp(timestamp, UTC)
    hour = moment.hour % 12 or 12
    return f"{moment.month}/{moment.day}/{moment.year} {hour}:{moment:%M:%S %p}"
