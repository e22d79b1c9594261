"""Sign-in to Azure: by azure-identity over a private authority, with refusals that are final."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from azure.core.credentials import AccessToken, TokenCredential
from pydantic import SecretStr

from common.azure.credentials import (
    CLOUDS,
    AzureSignIn,
    Certificate,
    ClientSecret,
    Identity,
    Network,
    WorkloadIdentity,
    build_credential,
    cloud_of,
)
from common.errors import Fatal
from common.http.deadline import Deadline
from common.http.errors import HttpError, HttpFatal, HttpRetry, NeverSent
from tests.tiny_server import Reply, Seen, TinyServer

TENANT = "22222222-2222-2222-2222-222222222222"
SECRET = ClientSecret(TENANT, "client", SecretStr("s3cret"))


def entra(token: Callable[[Seen], Reply]) -> Callable[[Seen], Reply]:
    """An authority: discovery, and tokens as `token` says."""

    def respond(seen: Seen) -> Reply:
        base = f"https://{seen.headers['Host']}/{TENANT}"
        if seen.path.endswith("openid-configuration"):
            return Reply(
                body={
                    "issuer": f"{base}/v2.0",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                }
            )
        return token(seen)

    return respond


def granting(_: Seen) -> Reply:
    return Reply(body={"token_type": "Bearer", "expires_in": 3599, "access_token": "tok"})


def sign_in(server: TinyServer, identity: Identity = SECRET) -> AzureSignIn:
    network = Network(authority=server.url, ca_bundle=server.ca)
    cloud = CLOUDS["usgov"]
    return AzureSignIn(lambda: build_credential(identity, cloud, network), cloud.scope)


def tokens(server: TinyServer) -> list[dict[str, str]]:
    return [dict(parse_qsl(seen.body.decode())) for seen in server.seen if seen.method == "POST"]


def failure(server: TinyServer, identity: Identity = SECRET) -> HttpError:
    with pytest.raises(HttpError) as caught:
        sign_in(server, identity).header(Deadline(10))
    assert "s3cret" not in str(caught.value)
    return caught.value


def test_secret_signs_in_with_the_clouds_scope() -> None:
    """US Gov's scope has a host of its own; the token is kept."""
    with TinyServer(entra(granting)) as server:
        auth = sign_in(server)
        assert auth.header(Deadline(10)) == auth.header(Deadline(10)) == "Bearer tok"
        forms = tokens(server)
    assert len(forms) == 1
    assert forms[0]["client_secret"] == "s3cret"
    assert "https://management.core.usgovcloudapi.net/.default" in forms[0]["scope"]


def test_workload_identity_signs_in_with_its_file(tmp_path: Path) -> None:
    """The federated token is the client assertion."""
    file = tmp_path / "token"
    file.write_text("federated")
    with TinyServer(entra(granting)) as server:
        sign_in(server, WorkloadIdentity(TENANT, "client", str(file))).header(Deadline(10))
        assert tokens(server)[0]["client_assertion"] == "federated"


def test_renewal_asks_entra_again() -> None:
    """After a rejected token a really new one is fetched, not the library's cached one."""
    with TinyServer(entra(granting)) as server:
        auth = sign_in(server)
        header = auth.header(Deadline(10))
        auth.renew("Bearer of another thread")
        auth.header(Deadline(10))
        assert len(tokens(server)) == 1
        auth.renew(header)
        auth.header(Deadline(10))
        assert len(tokens(server)) == 2


def test_refusal_names_entras_code() -> None:
    """A wrong secret is for a person, with the code to search for."""
    body = {
        "error": "invalid_client",
        "error_description": "AADSTS7000215: Invalid client secret provided. s3cret",
        "error_codes": [7000215],
    }
    with TinyServer(entra(lambda _: Reply(401, body))) as server:
        error = failure(server)
    assert (type(error), error.reason) == (HttpFatal, "signin_refused")
    assert "AADSTS7000215" in str(error)


def test_server_trouble_is_retried() -> None:
    """Entra out of order is no refusal."""
    body = {"error": "temporarily_unavailable", "error_description": "AADSTS90033: transient"}
    with TinyServer(entra(lambda _: Reply(503, body))) as server:
        assert isinstance(failure(server), HttpRetry)


def test_unreachable_authority_was_never_sent() -> None:
    """No connection, no harm."""
    network = Network(authority="https://127.0.0.1:1")
    cloud = CLOUDS["public"]
    auth = AzureSignIn(lambda: build_credential(SECRET, cloud, network), cloud.scope)
    with pytest.raises(NeverSent):
        auth.header(Deadline(10))


def test_untrusted_authority_is_for_a_person() -> None:
    """The private CA must be set explicitly, whatever the environment says."""
    with TinyServer(entra(granting)) as server:
        network = Network(authority=server.url)
        cloud = CLOUDS["public"]
        auth = AzureSignIn(lambda: build_credential(SECRET, cloud, network), cloud.scope)
        with pytest.raises(HttpError) as caught:
            auth.header(Deadline(10))
    assert caught.value.reason == "tls_refused"


def test_unreadable_certificate_is_for_a_person(tmp_path: Path) -> None:
    """A missing or broken file is told as such."""
    broken = tmp_path / "broken.pem"
    broken.write_text("nonsense")
    cloud = CLOUDS["public"]
    for path in (tmp_path / "none.pem", broken):
        build = partial(build_credential, Certificate(TENANT, "client", str(path)), cloud, Network())
        with pytest.raises(HttpFatal) as caught:
            AzureSignIn(build, cloud.scope).header(Deadline(10))
        assert caught.value.reason == "signin_refused"


class Handing:
    """A credential whose tokens live for `seconds`."""

    def __init__(self, now: float, seconds: float) -> None:
        self._expires = int(now + seconds)

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        return AccessToken(scopes[0], self._expires)


def test_tokens_are_fetched_anew_before_they_expire() -> None:
    """Five minutes before the end a token is not used any more."""
    now = [1000.0]
    built: list[TokenCredential] = []

    def build() -> TokenCredential:
        built.append(Handing(now[0], 3600))
        return built[-1]

    fetched: list[str] = []
    auth = AzureSignIn(build, "scope", clock=lambda: now[0])
    for step in (0, 3200, 200):
        now[0] += step
        fetched.append(auth.header(Deadline(5)))
    assert fetched == ["Bearer scope"] * 3
    assert len(built) == 1


def test_unknown_clouds_are_refused() -> None:
    """China's Defender for Cloud is retired, and typing errors are none."""
    assert cloud_of("usgov").authority == "https://login.microsoftonline.us"
    with pytest.raises(Fatal):
        cloud_of("china")
