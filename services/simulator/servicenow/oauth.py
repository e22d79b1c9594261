"""The token endpoint's book: the same token until it expires, one error for every cause.

Source: servicenow-api 4.1.
"""

import base64
import binascii
import hashlib
import hmac
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from services.simulator.servicenow.acl import User

REFUSED = b'{"error_description":"access_denied","error":"server_error"}'
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REFRESH_SECONDS = 8_640_000.0


class Refused(Exception):  # noqa: N818 - an outcome of the protocol
    """Whatever the cause, the client sees 401 server_error."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; `expires` is simulated Unix time."""

    value: str
    user: str
    expires: float


class Tokens:
    """Grants and checks. `accounts` are read at each use, `now` is simulated Unix time in seconds."""

    def __init__(
        self,
        client: tuple[str, str],
        our_user: str,
        now: Callable[[], float],
        life: Callable[[], int],
        seed: int,
    ) -> None:
        self._client = client
        self._our_user = our_user
        self._now = now
        self._life = life
        self._random = random.Random(f"tokens/{seed}")
        self._current: dict[str, Token] = {}
        self._access: dict[str, Token] = {}
        self._refresh: dict[str, Token] = {}

    def user_of(self, value: str) -> str | None:
        """The user of a valid access token; None if it is unknown or expired."""
        token = self._access.get(value)
        return token.user if token and token.expires > self._now() else None

    def expire(self) -> None:
        """All access tokens end now, as after a restart of the node."""
        self._current.clear()
        self._access.clear()

    def grant(
        self, form: Mapping[str, str], basic: tuple[str, str] | None, accounts: Mapping[str, User], key: str
    ) -> dict[str, Any]:
        """The answer's JSON object; raises Refused. `key` is the PEM registered for jwt-bearer (or empty)."""
        client = basic or (form.get("client_id", ""), form.get("client_secret", ""))
        if client != self._client:
            raise Refused
        match form.get("grant_type"):
            case "client_credentials":
                return self._answer(self._our_user, refresh=False)
            case "password":
                user = accounts.get(form.get("username", ""))
                if user is None or not user.password or user.password != form.get("password"):
                    raise Refused
                return self._answer(user.name, refresh=True)
            case "refresh_token":
                return self._refreshed(form.get("refresh_token", ""))
            case grant if grant == JWT_BEARER:
                subject = self._assertion(form.get("assertion", ""), key)
                if subject not in accounts:
                    raise Refused
                return self._answer(subject, refresh=False)
        raise Refused

    def _refreshed(self, value: str) -> dict[str, Any]:
        known = self._refresh.get(value)
        if known is None or known.expires <= self._now():
            raise Refused
        return self._answer(known.user, refresh=True)

    def _answer(self, user: str, *, refresh: bool) -> dict[str, Any]:
        token = self._current.get(user)
        if token is None or token.expires <= self._now():
            token = Token(self._opaque(), user, self._now() + self._life())
            self._current[user] = self._access[token.value] = token
        answer: dict[str, Any] = {"access_token": token.value}
        if refresh:
            answer["refresh_token"] = self._refresh_token(user)
        answer["scope"] = "useraccount"
        answer["token_type"] = "Bearer"  # noqa: S105 - the type, not a token
        answer["expires_in"] = max(0, int(token.expires - self._now()))
        return answer

    def _refresh_token(self, user: str) -> str:
        for value, token in self._refresh.items():
            if token.user == user and token.expires > self._now():
                return value
        value = self._opaque()
        self._refresh[value] = Token(value, user, self._now() + REFRESH_SECONDS)
        return value

    def _opaque(self) -> str:
        return base64.urlsafe_b64encode(self._random.randbytes(64)).decode().rstrip("=")

    def _assertion(self, text: str, key: str) -> str:
        """The subject of a valid JWT: iss is our client id, not expired, signed by RS256 or HS256."""
        try:
            head, claims, signature = (_unbase64(part) for part in text.split("."))
            header, body = msgspec.json.decode(head), msgspec.json.decode(claims)
            expires = float(body["exp"])
        except (ValueError, KeyError, TypeError, msgspec.DecodeError) as error:
            raise Refused from error
        signed = text.rpartition(".")[0].encode()
        if not _verified(header.get("alg"), signed, signature, self._client[1], key):
            raise Refused
        if body.get("iss") != self._client[0] or not body.get("aud") or expires <= self._now():
            raise Refused
        return str(body.get("sub", ""))


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _verified(algorithm: object, signed: bytes, signature: bytes, secret: str, key: str) -> bool:
    if algorithm == "HS256" and not key:
        return hmac.compare_digest(hmac.new(secret.encode(), signed, hashlib.sha256).digest(), signature)
    if algorithm != "RS256" or not key:
        return False
    public = load_pem_public_key(key.encode())
    if not isinstance(public, RSAPublicKey):
        return False
    try:
        public.verify(signature, signed, PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def basic_credentials(header: str) -> tuple[str, str] | None:
    """User and password of an Authorization header; None if it is not a readable Basic one."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, password
