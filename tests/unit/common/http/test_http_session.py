"""Sessions and exchanges: trust, cookies, proxies, and what is known of a request that failed."""

import socket
import struct
import threading
from collections.abc import Callable

import pytest

from common.http.deadline import Deadline
from common.http.errors import AnswerLost, HttpError, HttpFatal, NeverSent
from common.http.exchange import Exchange, Request
from common.http.session import build_session
from tests.tiny_server import Reply, Seen, TinyServer


class Counting:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []

    def observe(self, side: str, route: str, code_class: str, seconds: float) -> None:
        assert seconds >= 0
        self.calls.append((side, route, code_class))


def failure(ca: str | None, url: str, read: float = 5.0, deadline: float = 5.0) -> HttpError:
    """The error of one POST."""
    exchange = Exchange("servicenow", build_session(ca, None, 2, "isthmus-test"))
    with pytest.raises(HttpError) as caught:
        exchange.send(Request("POST", url, "route", body=b"{}", read_seconds=read), Deadline(deadline))
    return caught.value


def raw_server(behave: Callable[[socket.socket], None]) -> str:
    """A listener that does one thing with its first connection; the URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        connection, _ = listener.accept()
        behave(connection)
        connection.close()
        listener.close()

    threading.Thread(target=run, daemon=True).start()
    return f"https://127.0.0.1:{listener.getsockname()[1]}/"


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_refused_connection_was_never_sent() -> None:
    """Nobody listens: any verb may be repeated."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(None, f"https://127.0.0.1:{port}/")
    assert isinstance(error, NeverSent)
    assert not error.acted


def test_reset_in_handshake_was_never_sent() -> None:
    """A connection that breaks before TLS stands has carried no request."""
    assert isinstance(failure(None, raw_server(reset)), NeverSent)


def test_time_out_in_handshake_was_never_sent() -> None:
    """A server that accepts and says nothing has seen no request yet."""
    assert isinstance(failure(None, raw_server(swallow), read=0.3), NeverSent)


def swallow(connection: socket.socket) -> None:
    connection.settimeout(0.6)
    try:
        while connection.recv(4096):
            pass
    except OSError:
        pass


def test_cut_after_sending_is_a_lost_answer() -> None:
    """The request left over TLS and the connection broke: the server may have acted."""
    with TinyServer(lambda _: Reply(cut=True)) as server:
        error = failure(server.ca, server.url)
    assert isinstance(error, AnswerLost)
    assert error.acted
    assert len(server.seen) == 1


def test_read_time_out_is_a_lost_answer() -> None:
    """No answer in time: the server may act yet."""
    with TinyServer(lambda _: Reply(seconds=2.0)) as server:
        assert isinstance(failure(server.ca, server.url, read=0.2), AnswerLost)


def test_deadline_bounds_the_read_time_out() -> None:
    """The task's deadline wins over a longer read time-out."""
    with TinyServer(lambda _: Reply(seconds=3.0)) as server:
        deadline = Deadline(0.4)
        with pytest.raises(AnswerLost):
            Exchange("servicenow", build_session(server.ca, None, 1, "t")).send(
                Request("GET", server.url, "route", read_seconds=60), deadline
            )
        assert deadline.passed or deadline.remaining() < 0.1


def test_nothing_is_sent_after_the_deadline() -> None:
    """With no time left the request stays here."""
    with TinyServer(lambda _: Reply()) as server:
        error = failure(server.ca, server.url, deadline=0.0)
        assert server.seen == []
    assert (type(error), error.reason) == (NeverSent, "deadline_passed")


def test_untrusted_certificate_is_for_a_person() -> None:
    """An unknown CA is fatal and names the mend; nothing was sent."""
    with TinyServer(lambda _: Reply()) as server:
        error = failure(None, server.url)
        assert server.seen == []
    assert isinstance(error, HttpFatal)
    assert error.reason == "tls_refused"
    assert "CA bundle" in str(error)


def test_missing_ca_bundle_is_for_a_person() -> None:
    """A CA bundle that is not there is fatal, not a crash."""
    error = failure("/nowhere/ca.pem", "https://127.0.0.1:1/")
    assert (type(error), error.reason) == (HttpFatal, "ca_bundle_unreadable")


def test_environment_does_not_override_the_trust_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """REQUESTS_CA_BUNDLE and proxy variables are not looked at."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/else.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with TinyServer(lambda _: Reply(body={})) as server:
        exchange = Exchange("servicenow", build_session(server.ca, None, 1, "t"))
        assert exchange.send(Request("GET", server.url, "route"), Deadline(5)).status == 200


def test_cookies_are_not_kept() -> None:
    """ServiceNow serialises the requests of one session, so none is joined."""
    with TinyServer(lambda _: Reply(headers={"Set-Cookie": "JSESSIONID=1; Path=/"})) as server:
        exchange = Exchange("servicenow", build_session(server.ca, None, 1, "t"))
        for _ in range(2):
            exchange.send(Request("GET", server.url, "route"), Deadline(5))
        assert "Cookie" not in server.seen[1].headers


def test_redirects_are_not_followed() -> None:
    """A redirect is an answer: the token goes nowhere else."""
    with TinyServer(lambda _: Reply(302, headers={"Location": "/elsewhere"})) as server:
        exchange = Exchange("servicenow", build_session(server.ca, None, 1, "t"))
        assert exchange.send(Request("GET", server.url, "route"), Deadline(5)).status == 302
        assert len(server.seen) == 1


def test_proxy_credentials_stay_out_of_messages() -> None:
    """A proxy that can't be reached is never-sent, and its password is not told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    session = build_session(None, {"https": f"http://user:hunter2@127.0.0.1:{port}"}, 1, "t")
    with pytest.raises(NeverSent) as caught:
        Exchange("servicenow", session).send(Request("GET", "https://example.invalid/", "r"), Deadline(5))
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_no_proxy_hosts_are_reached_directly() -> None:
    """A host below an entry of no_proxy does not go through the proxy."""
    with TinyServer(lambda _: Reply(body={})) as server:
        session = build_session(
            server.ca, {"https": "http://127.0.0.1:9"}, 1, "t", no_proxy=["127.0.0.1", ".corp.example"]
        )
        assert Exchange("s", session).send(Request("GET", server.url, "r"), Deadline(5)).status == 200


def test_requests_are_observed_by_class() -> None:
    """Every request is counted once: by its status, as lost, or as never sent."""
    replies = iter([Reply(200), Reply(404), Reply(429), Reply(cut=True)])
    observer = Counting()

    def respond(_: Seen) -> Reply:
        return next(replies)

    with TinyServer(respond) as server:
        exchange = Exchange("servicenow", build_session(server.ca, None, 1, "t"), observer)
        for _ in range(3):
            exchange.send(Request("GET", server.url, "r"), Deadline(5))
        with pytest.raises(AnswerLost):
            exchange.send(Request("GET", server.url, "r"), Deadline(5))
        with pytest.raises(NeverSent):
            exchange.send(Request("GET", "https://127.0.0.1:1", "r"), Deadline(5))
    assert [code for _, _, code in observer.calls] == ["2xx", "4xx", "429", "lost", "never_sent"]
