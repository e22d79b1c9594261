"""Sign-in to ServiceNow: one token per process, fetched under a lock."""

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import jwt
import msgspec
from pydantic import SecretStr

from common.http.deadline import Deadline
from common.http.errors import HttpError, HttpFatal
from common.http.exchange import Answer, Exchange, Request
from common.http.reading import decode, require_json, shorten
from common.servicenow.answers import SIDE, error_of

ROUTE = "servicenow.oauth"
_EARLY = 60.0  # seconds before expiry at which a token is fetched anew


@dataclass(frozen=True, slots=True)
class Basic:
    """User and password on each call; many instances refuse it by default (servicenow-api 4.3)."""

    user: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth client_credentials; acts as the registry record's OAuth Application User."""

    client_id: str
    client_secret: SecretStr


@dataclass(frozen=True, slots=True)
class Password:
    """OAuth password grant; its refresh token is used while it is accepted."""

    client_id: str
    client_secret: SecretStr
    user: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class JwtBearer:
    """OAuth jwt-bearer: an assertion signed (RS256) with `private_key` (PEM) for `user`."""

    client_id: str
    client_secret: SecretStr
    user: str
    private_key: SecretStr
    key_id: str = ""
    audience: str = ""  # "" = the client id, ServiceNow's default


Grant = ClientCredentials | Password | JwtBearer


class BasicSignIn:
    """Basic, only where the operator said `allow_basic`."""

    def __init__(self, basic: Basic, *, allow_basic: bool) -> None:
        if not allow_basic:
            raise HttpFatal(
                "basic_not_allowed",
                "Basic sign-in to ServiceNow is off: use OAuth, or set allow_basic: true on the connection.",
            )
        pair = f"{basic.user}:{basic.password.get_secret_value()}".encode()
        self._header = "Basic " + base64.b64encode(pair).decode()

    def header(self, deadline: Deadline) -> str:  # noqa: ARG002 - nothing to fetch
        return self._header

    def renew(self, rejected: str) -> None:
        """Nothing to renew: the second 401 is final."""


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int | str = 1800
    refresh_token: str = ""


class _Refusal(msgspec.Struct):
    error: str = ""
    error_description: str = ""


_token = msgspec.json.Decoder(_Token)
_refusal = msgspec.json.Decoder(_Refusal)


class OAuthSignIn:
    """OAuth by one of the grants. The same token comes back until it expires (servicenow-api 4.1)."""

    def __init__(
        self, url: str, grant: Grant, exchange: Exchange, clock: Callable[[], float] = time.time
    ) -> None:
        self._url = f"{url}/oauth_token.do"
        self._grant = grant
        self._exchange = exchange
        self._clock = clock
        self._lock = threading.Lock()
        self._header = ""
        self._fresh_until = 0.0
        self._refresh_token = ""

    def header(self, deadline: Deadline) -> str:
        """The bearer header, fetched when missing or about to expire.

        Raises HttpFatal `signin_refused`: 401 with `server_error` stands for nearly every cause, and trying
        again locks the account. Else the errors of any call.
        """
        with self._lock:
            if not self._header or self._clock() >= self._fresh_until:
                self._store(self._fetch(deadline))
            return self._header

    def renew(self, rejected: str) -> None:
        with self._lock:
            if self._header == rejected:
                self._header = ""

    def _store(self, token: _Token) -> None:
        lifetime = float(token.expires_in)
        self._header = f"Bearer {token.access_token}"
        self._fresh_until = self._clock() + max(lifetime - _EARLY, lifetime / 2)
        self._refresh_token = token.refresh_token or self._refresh_token

    def _fetch(self, deadline: Deadline) -> _Token:
        if self._refresh_token:
            try:
                return self._post(self._refresh_form(), deadline)
            except HttpFatal:
                self._refresh_token = ""  # expired or revoked: once more with the grant itself
        return self._post(self._form(), deadline)

    def _post(self, form: Mapping[str, str], deadline: Deadline) -> _Token:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = Request("POST", self._url, ROUTE, headers=headers, body=urlencode(form).encode())
        answer = self._exchange.send(request, deadline)
        require_json(SIDE, ROUTE, answer)
        if error := _refused(answer):
            raise error
        return decode(SIDE, ROUTE, answer, _token.decode)

    def _refresh_form(self) -> dict[str, str]:
        return {"grant_type": "refresh_token", "refresh_token": self._refresh_token, **self._client()}

    def _client(self) -> dict[str, str]:
        secret = self._grant.client_secret.get_secret_value()
        return {"client_id": self._grant.client_id, "client_secret": secret}

    def _form(self) -> dict[str, str]:
        grant = self._grant
        if isinstance(grant, Password):
            password = grant.password.get_secret_value()
            return {
                "grant_type": "password",
                "username": grant.user,
                "password": password,
                **self._client(),
            }
        if isinstance(grant, JwtBearer):
            name = "urn:ietf:params:oauth:grant-type:jwt-bearer"
            return {"grant_type": name, "assertion": _assertion(grant, self._clock()), **self._client()}
        return {"grant_type": "client_credentials", **self._client()}


def _assertion(grant: JwtBearer, now: float) -> str:
    """A signed assertion, good for five minutes."""
    claims = {
        "iss": grant.client_id,
        "aud": grant.audience or grant.client_id,
        "sub": grant.user,
        "iat": int(now),
        "exp": int(now) + 300,
    }
    headers = {"kid": grant.key_id} if grant.key_id else None
    try:
        return jwt.encode(claims, grant.private_key.get_secret_value(), algorithm="RS256", headers=headers)
    except (jwt.PyJWTError, TypeError, ValueError):
        raise HttpFatal(
            "signin_refused",
            "The private key for ServiceNow's jwt-bearer sign-in is no usable RSA key in PEM.",
        ) from None


def _refused(answer: Answer) -> HttpError | None:
    """4xx of the token endpoint (other than 429) are final."""
    if answer.status == 429 or not 400 <= answer.status < 500:
        return error_of(ROUTE, answer.status, answer.headers, answer.content)
    try:
        body = _refusal.decode(answer.content)
        told = shorten(f"{body.error} {body.error_description}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = ""
    return HttpFatal(
        "signin_refused",
        f"ServiceNow refused the sign-in ({told or answer.status}): check client id, secret, user and the"
        " grant's property on the instance.",
        status=answer.status,
    )
