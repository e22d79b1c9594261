"""Sign-in: one token per process, refreshed in time, and refusals that are final."""

import threading
from urllib.parse import parse_qsl

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from common.errors import Fatal
from common.http.deadline import Deadline
from common.http.errors import HttpFatal, HttpPark, HttpRetry
from common.http.exchange import Exchange
from common.http.session import build_session
from common.servicenow.auth import (
    Basic,
    BasicSignIn,
    ClientCredentials,
    Grant,
    JwtBearer,
    OAuthSignIn,
    Password,
)
from tests.tiny_server import Reply, Seen, TinyServer

CLIENT = ClientCredentials("client", SecretStr("s3cret"))
PASSWORD = Password("client", SecretStr("s3cret"), "user", SecretStr("pa55"))


class Clock:
    """A wall clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def sign_in(server: TinyServer, grant: Grant, clock: Clock | None = None) -> OAuthSignIn:
    exchange = Exchange("servicenow", build_session(server.ca, None, 4, "t"))
    return OAuthSignIn(server.url, grant, exchange, clock or Clock())


def forms(server: TinyServer) -> list[dict[str, str]]:
    return [dict(parse_qsl(seen.body.decode())) for seen in server.seen]


def granting(**extra: object) -> Reply:
    return Reply(body={"access_token": "tok", "token_type": "Bearer", "expires_in": 1799, **extra})


def test_client_credentials_once_for_many_threads() -> None:
    """Eight threads at once fetch one token."""
    with TinyServer(lambda _: granting()) as server:
        auth = sign_in(server, CLIENT)
        got: list[str] = []
        threads = [threading.Thread(target=lambda: got.append(auth.header(Deadline(5)))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got == ["Bearer tok"] * 8
        assert forms(server) == [
            {"grant_type": "client_credentials", "client_id": "client", "client_secret": "s3cret"}
        ]


def test_token_is_fetched_anew_before_it_expires() -> None:
    """A minute before its end a token is not used any more."""
    clock = Clock()
    with TinyServer(lambda _: granting()) as server:
        auth = sign_in(server, CLIENT, clock)
        auth.header(Deadline(5))
        clock.now += 1700
        auth.header(Deadline(5))
        assert len(server.seen) == 1
        clock.now += 60
        auth.header(Deadline(5))
        assert len(server.seen) == 2


def test_short_lived_token_is_used_for_half_its_life() -> None:
    """The same token comes back with seconds left: it is used, not fetched in a loop."""
    clock = Clock()
    with TinyServer(lambda _: granting(expires_in="20")) as server:
        auth = sign_in(server, CLIENT, clock)
        auth.header(Deadline(5))
        clock.now += 9
        auth.header(Deadline(5))
        assert len(server.seen) == 1


def test_password_grant_refreshes_and_falls_back() -> None:
    """The refresh token is used; once it is refused the password is asked once more."""
    clock = Clock()

    def respond(seen: Seen) -> Reply:
        if b"grant_type=refresh_token" in seen.body and clock.now > 1_700_005_000:
            return Reply(401, {"error": "server_error", "error_description": "access_denied"})
        return granting(refresh_token="re")

    with TinyServer(respond) as server:
        auth = sign_in(server, PASSWORD, clock)
        for _ in range(3):
            auth.header(Deadline(5))
            clock.now += 4000
        kinds = [form["grant_type"] for form in forms(server)]
        assert kinds == ["password", "refresh_token", "refresh_token", "password"]


def test_jwt_bearer_assertion_is_signed_for_the_user() -> None:
    """The assertion carries iss, aud, sub and a short life, under the key's id."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    grant = JwtBearer("client", SecretStr("s3cret"), "user", SecretStr(pem), key_id="k1")
    with TinyServer(lambda _: granting()) as server:
        sign_in(server, grant).header(Deadline(5))
        form = forms(server)[0]
    claims = jwt.decode(
        form["assertion"], key.public_key(), ["RS256"], audience="client", options={"verify_exp": False}
    )
    assert (claims["iss"], claims["sub"], claims["exp"] - claims["iat"]) == ("client", "user", 300)
    assert jwt.get_unverified_header(form["assertion"])["kid"] == "k1"
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"


def test_unusable_private_key_is_for_a_person() -> None:
    """A key that is no PEM is fatal, and is not shown."""
    grant = JwtBearer("client", SecretStr("s3cret"), "user", SecretStr("not-a-key"))
    with TinyServer(lambda _: granting()) as server, pytest.raises(HttpFatal) as caught:
        sign_in(server, grant).header(Deadline(5))
    assert caught.value.reason == "signin_refused"
    assert "not-a-key" not in str(caught.value)


def test_refusal_is_final_and_tells_no_secret() -> None:
    """401 server_error stands for every cause: fatal after one request, or the account is locked."""
    refusal = Reply(401, {"error": "server_error", "error_description": "access_denied"})
    with TinyServer(lambda _: refusal) as server:
        with pytest.raises(HttpFatal) as caught:
            sign_in(server, PASSWORD).header(Deadline(5))
        assert len(server.seen) == 1
    assert caught.value.reason == "signin_refused"
    assert not any(secret in str(caught.value) for secret in ("s3cret", "pa55"))
    assert "pa55" not in repr(PASSWORD)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(500, {"error": "x"}), HttpRetry),
        (Reply(429, {}), HttpPark),
        (Reply(200, raw=b"<html>hibernating", content_type="text/html"), HttpPark),
        (Reply(200, raw=b'{"access_token"'), HttpRetry),
    ],
)
def test_other_failures_are_not_refusals(reply: Reply, kind: type[Exception]) -> None:
    """Trouble at the token endpoint is retried or parked as anywhere."""
    with TinyServer(lambda _: reply) as server, pytest.raises(kind):
        sign_in(server, CLIENT).header(Deadline(5))


def test_basic_needs_the_operators_word() -> None:
    """Basic is refused unless allow_basic says so."""
    basic = Basic("user", SecretStr("pa55"))
    with pytest.raises(Fatal) as caught:
        BasicSignIn(basic, allow_basic=False)
    assert caught.value.reason == "basic_not_allowed"
    assert BasicSignIn(basic, allow_basic=True).header(Deadline(1)) == "Basic dXNlcjpwYTU1"
