"""One ServiceNow instance: where it is, how it is called, within its permits."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from common.errors import Fatal
from common.http.deadline import Deadline
from common.http.errors import Throttled
from common.http.exchange import Answer, Exchange, Request
from common.http.reading import decode, require_json
from common.http.signin import SignIn
from common.servicenow import paths
from common.servicenow.answers import SIDE, error_of

T = TypeVar("T")

_DOMAINS = (".service-now.com", ".servicenowservices.com")


class Gate(Protocol):
    """The fleet's permits for this instance (common.state.budget.Permits)."""

    def hold(self, *, urgent: bool = False) -> AbstractContextManager[None]:
        """Hold one permit; raises Park when none is to be had."""

    def succeeded(self) -> None: ...
    def throttled(self) -> None: ...


class OpenGate:
    """No limits: for tests and one-off commands."""

    def hold(self, *, urgent: bool = False) -> AbstractContextManager[None]:  # noqa: ARG002 - open to all
        return nullcontext()

    def succeeded(self) -> None:
        """Nothing to learn."""

    def throttled(self) -> None:
        """Nothing to learn."""


def instance_url(url: str, allowed_hosts: Collection[str] = ()) -> str:
    """Check and normalise an instance's URL: https, no path, a ServiceNow domain or an allowed host.

    Raises Fatal `bad_instance_url`: a token must not be sent to a mistyped host.
    """
    parts = urlsplit(url.strip())
    try:
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port = "", None
    allowed = {entry.strip().lower() for entry in allowed_hosts}
    if parts.scheme != "https" or not host or parts.username or parts.path.strip("/") or parts.query:
        raise Fatal("bad_instance_url", "The instance's URL must look like https://name.service-now.com.")
    if not host.endswith(_DOMAINS) and host not in allowed:
        raise Fatal(
            "bad_instance_url",
            f"{host!r} is not a ServiceNow domain: correct the URL, or name the host in allowed_hosts.",
        )
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}:{port}" if port else f"https://{shown}"


class Instance:
    """Calls to one instance: signed in, within permits, each answer typed."""

    def __init__(self, url: str, sign_in: SignIn, exchange: Exchange, gate: Gate | None = None) -> None:
        self.url = url
        self._sign_in = sign_in
        self._exchange = exchange
        self._gate = gate or OpenGate()

    def call(
        self,
        method: str,
        path: str,
        route: str,
        decoder: Callable[[bytes], T],
        *,
        deadline: Deadline,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        urgent: bool = False,
    ) -> tuple[T, Mapping[str, str]]:
        """Answer (decoded body, headers).

        Raises the errors of `Exchange.send`, `error_of` and `decode`, and Park when there is no permit.
        """
        headers = {"Content-Type": "application/json"} if body is not None else {}
        url = self.url + paths.with_params(path, params or {})
        request = Request(method, url, route, headers=headers, body=body)
        answer = self._signed(request, deadline, urgent)
        return decode(SIDE, route, answer, decoder), answer.headers

    def _signed(self, request: Request, deadline: Deadline, urgent: bool) -> Answer:
        """Send; on 401 once more with a fresh token, since it may have expired on the way."""
        header = self._sign_in.header(deadline)
        answer = self._permitted(request.with_header("Authorization", header), deadline, urgent)
        if answer.status == 401:
            self._sign_in.renew(header)
            header = self._sign_in.header(deadline)
            answer = self._permitted(request.with_header("Authorization", header), deadline, urgent)
        require_json(SIDE, request.route, answer)
        if error := error_of(request.route, answer.status, answer.headers, answer.content):
            if isinstance(error, Throttled) and error.semaphore:
                self._gate.throttled()
            raise error
        self._gate.succeeded()
        return answer

    def _permitted(self, request: Request, deadline: Deadline, urgent: bool) -> Answer:
        with self._gate.hold(urgent=urgent):
            return self._exchange.send(request, deadline)
