"""One request, one answer: sent once, measured, and every failure typed."""

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import requests

from common.http.deadline import Deadline
from common.http.errors import AnswerLost, HttpError, HttpFatal, NeverSent
from common.http.session import forget_sent, was_sent

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0  # ServiceNow's own limit for a REST transaction (servicenow-api 5.3)
_CHUNK = 1 << 16
_MOST = 32 << 20  # bytes: Resource Graph stops at 16 MiB, ServiceNow far below


class Observer(Protocol):
    """Told of every request.

    `code_class` is "2xx", "3xx", "4xx", "429", "5xx", "lost" (sent, no answer) or "never_sent".
    """

    def observe(self, side: str, route: str, code_class: str, seconds: float) -> None: ...


class Unobserved:
    """An observer for those who count nothing."""

    def observe(self, side: str, route: str, code_class: str, seconds: float) -> None:
        """Ignore it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. `route` is a stable name for metrics and messages, never a URL with ids."""

    method: str
    url: str
    route: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    read_seconds: float = READ_SECONDS

    def with_header(self, name: str, value: str) -> "Request":
        """The same request with one more header."""
        headers = {**self.headers, name: value}
        return Request(self.method, self.url, self.route, self.params, headers, self.body, self.read_seconds)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole. `headers` are looked up whatever their case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Exchange:
    """Sends requests of one side ("servicenow", "defender") through a shared session."""

    def __init__(self, side: str, session: requests.Session, observer: Observer | None = None) -> None:
        self.side = side
        self._session = session
        self._observer = observer or Unobserved()

    def send(self, request: Request, deadline: Deadline) -> Answer:
        """Send once; any status is an answer.

        Raises NeverSent when nothing left this machine, AnswerLost when it did and no whole answer came,
        HttpFatal `tls_refused` (certificate not trusted), `ca_bundle_unreadable` or `answer_too_large`.
        Redirects are not followed: they would carry the token elsewhere.
        """
        timeouts = deadline.timeouts(CONNECT_SECONDS, request.read_seconds)
        forget_sent()
        started, code_class = time.perf_counter(), "lost"
        try:
            answer = self._exchange(request, timeouts, deadline)
            code_class = _code_class(answer.status)
        except OSError as error:  # requests' own errors are OSErrors; so is a CA file that can't be read
            typed = self._typed(request, error)
            code_class = "never_sent" if not was_sent() else "lost"
            raise typed from None  # the original carries URLs and proxies' credentials
        finally:
            self._observer.observe(self.side, request.route, code_class, time.perf_counter() - started)
        return answer

    def _exchange(self, request: Request, timeouts: tuple[float, float], deadline: Deadline) -> Answer:
        with self._session.request(
            request.method,
            request.url,
            params=dict(request.params),
            headers=dict(request.headers),
            data=request.body,
            timeout=timeouts,
            allow_redirects=False,
            stream=True,
        ) as response:
            return Answer(response.status_code, response.headers, self._read(request, response, deadline))

    def _read(self, request: Request, response: requests.Response, deadline: Deadline) -> bytes:
        """Read the body; a server that trickles can't outlast the deadline."""
        body = io.BytesIO()  # unlike a list that is joined, it never holds the body twice
        for chunk in response.iter_content(_CHUNK):
            body.write(chunk)
            if body.tell() > _MOST:
                raise HttpFatal(
                    "answer_too_large",
                    f"{self.side} answered {request.route} with more than {_MOST >> 20} MiB.",
                    status=response.status_code,
                    acted=True,
                )
            if deadline.passed:
                raise AnswerLost(
                    "answer_lost",
                    f"{self.side} was still answering {request.route} when the task's time ended.",
                    status=response.status_code,
                )
        return body.getvalue()

    def _typed(self, request: Request, error: OSError) -> HttpError:
        kind = type(error).__name__
        if was_sent():
            return AnswerLost(
                "answer_lost", f"{self.side} was sent {request.route}, and no whole answer came ({kind})."
            )
        if not isinstance(error, requests.RequestException):
            return HttpFatal(
                "ca_bundle_unreadable", f"The CA bundle for {self.side} can't be read: check its path."
            )
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            return HttpFatal(
                "tls_refused",
                f"The certificate of {self.side} is not trusted: set the CA bundle that signed it.",
            )
        if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)):
            return HttpFatal("bad_request", f"{self.side}: {request.route} can't be sent ({kind}).")
        return NeverSent("never_sent", f"{self.side} could not be reached for {request.route} ({kind}).")


def _code_class(status: int) -> str:
    return "429" if status == 429 else f"{status // 100}xx"
