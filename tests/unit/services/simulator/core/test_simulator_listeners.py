"""Certificates that a strict client accepts, addresses, names of routes, the clock."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.simulator import tls
from services.simulator.clock import Clock
from services.simulator.listeners import Address, address_of
from services.simulator.routes import route_of
from tests.simulator_rig import Rig

EVERYWHERE = "0.0.0.0"  # noqa: S104 - never bound here


def _strict(ca: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def test_a_strict_client_accepts_the_certificate(rig: Rig) -> None:
    """Handshake under VERIFY_X509_STRICT, Python 3.13's default, by name and by address."""
    port = urlsplit(rig.urls["servicenow"]).port
    for name in ("127.0.0.1", "localhost"):
        with (
            socket.create_connection(("127.0.0.1", port or 0), 5) as raw,
            _strict(rig.ca_dir / tls.CA_FILE).wrap_socket(raw, server_hostname=name) as secured,
        ):
            assert secured.version() in {"TLSv1.2", "TLSv1.3"}


def test_a_stranger_name_is_refused(rig: Rig) -> None:
    """The certificate is for the given names only."""
    port = urlsplit(rig.urls["servicenow"]).port
    context = _strict(rig.ca_dir / tls.CA_FILE)
    with (
        socket.create_connection(("127.0.0.1", port or 0), 5) as raw,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(raw, server_hostname="elsewhere.example")


def test_a_restart_keeps_the_authority(tmp_path: Path) -> None:
    """The CA file stays the same for a directory, and its key is for the owner only."""
    first = tls.authority(tmp_path).cert_pem.bytes()
    assert tls.authority(tmp_path).cert_pem.bytes() == first == (tmp_path / tls.CA_FILE).read_bytes()
    assert (tmp_path / tls.KEY_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ([], Address("127.0.0.1", "127.0.0.1", ("127.0.0.1", "localhost"))),
        (["localhost"], Address("127.0.0.1", "localhost", ("localhost", "127.0.0.1"))),
        (["simulator"], Address(EVERYWHERE, "simulator", ("simulator", "localhost", "127.0.0.1"))),
        ([EVERYWHERE, "sim"], Address(EVERYWHERE, "sim", ("sim", "localhost", "127.0.0.1"))),
        (["10.0.0.5"], Address("10.0.0.5", "10.0.0.5", ("10.0.0.5", "localhost", "127.0.0.1"))),
        ([EVERYWHERE], Address(EVERYWHERE, "localhost", ("localhost", "127.0.0.1"))),
    ],
)
def test_hosts_decide_bind_address_and_names(hosts: list[str], expected: Address) -> None:
    """Loopback unless a name asks for more; wildcards are no names."""
    assert address_of(hosts) == expected


@pytest.mark.parametrize(
    ("face", "method", "path", "route"),
    [
        ("login", "POST", "/t/oauth2/v2.0/token", "login.token"),
        ("azure", "POST", "/providers/Microsoft.ResourceGraph/resources", "arg.query"),
        ("azure", "GET", "/subscriptions", "arm.subscriptions"),
        ("azure", "GET", "/subscriptions/x/providers/microsoft.security/Assessments", "arm.assessments"),
        ("azure", "GET", "/x/providers/Microsoft.Security/assessmentMetadata/y", "arm.assessmentMetadata"),
        ("azure", "GET", "/subscriptions/x/providers/Microsoft.Security/pricings", "arm.pricings"),
        ("azure", "GET", "/elsewhere", "arm.other"),
        ("servicenow", "POST", "/oauth_token.do", "servicenow.oauth"),
        ("servicenow", "POST", "/api/now/v1/batch", "servicenow.batch"),
        ("servicenow", "GET", "/api/now/table/incident", "servicenow.table.list"),
        ("servicenow", "GET", "/api/now/v2/table/incident/0123", "servicenow.table.get"),
        ("servicenow", "POST", "/api/now/v1/table/incident", "servicenow.table.create"),
        ("servicenow", "PATCH", "/api/now/table/incident/0123", "servicenow.table.update"),
        ("servicenow", "PUT", "/api/now/table/incident/0123", "servicenow.table.update"),
        ("servicenow", "DELETE", "/api/now/table/incident/0123", "servicenow.table.delete"),
        ("servicenow", "POST", "/api/now/attachment/file", "servicenow.attachment"),
        ("servicenow", "GET", "/api/now/stats/incident", "servicenow.stats"),
        ("servicenow", "GET", "/login.do", "servicenow.other"),
    ],
)
def test_routes_have_stable_names(face: str, method: str, path: str, route: str) -> None:
    """Counters, faults and barriers use these names, whatever the API's version or casing."""
    assert route_of(face, method, path) == route


def test_the_clock_shifts_wall_time_only() -> None:
    """`advance` moves now() and leaves monotonic() alone."""
    clock = Clock()
    before = clock.monotonic()
    clock.advance(86_400)
    assert clock.now() - datetime.now(UTC) > timedelta(hours=23)
    assert clock.monotonic() - before < 60
    clock.reset()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
