"""Signed calls to ARM, which Resource Graph is a part of."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from common.azure.answers import SIDE, error_of
from common.errors import Fatal
from common.http.deadline import Deadline
from common.http.exchange import Answer, Exchange, Request
from common.http.reading import decode, require_json
from common.http.signin import SignIn

T = TypeVar("T")


class Budget(Protocol):
    """The fleet's share of a quota (common.state.budget.WindowBudget, Bucket)."""

    def acquire(self, n: int = 1, max_wait: float = 2.0) -> None:
        """Reserve `n` before use; raises Park when that takes longer than `max_wait` seconds."""

    def observed(self, remaining: int, resets_after: float) -> None:
        """What a server's header said; may only lower what is left of the current window."""


class NoBudget:
    """No limits: for tests and one-off commands."""

    def acquire(self, n: int = 1, max_wait: float = 2.0) -> None:
        """Grant it."""

    def observed(self, remaining: int, resets_after: float) -> None:
        """Nothing to learn."""


class ArmCaller:
    """Sends to one ARM endpoint: signed in, typed, a fresh token once after a 401."""

    def __init__(self, url: str, sign_in: SignIn, exchange: Exchange) -> None:
        self.url = url.rstrip("/")
        self._sign_in = sign_in
        self._exchange = exchange

    def send(self, request: Request, deadline: Deadline) -> Answer:
        """Any status but a rejected token is an answer. Raises what `Exchange.send` and sign-in do."""
        header = self._sign_in.header(deadline)
        answer = self._exchange.send(request.with_header("Authorization", header), deadline)
        if answer.status == 401:
            self._sign_in.renew(header)
            header = self._sign_in.header(deadline)
            answer = self._exchange.send(request.with_header("Authorization", header), deadline)
        return answer

    def get(
        self,
        path_or_link: str,
        route: str,
        decoder: Callable[[bytes], T],
        deadline: Deadline,
        params: Mapping[str, str] | None = None,
    ) -> T:
        """Decode the answer to a GET. Raises typed errors; Fatal `foreign_next_link` for a link elsewhere."""
        request = Request("GET", self._absolute(path_or_link), route, params or {})
        answer = self.send(request, deadline)
        require_json(SIDE, route, answer)
        if error := error_of(route, answer.status, answer.headers, answer.content):
            raise error
        return decode(SIDE, route, answer, decoder)

    def _absolute(self, path_or_link: str) -> str:
        """A nextLink is followed verbatim, but never with our token to another host."""
        if path_or_link.startswith("/"):
            return self.url + path_or_link
        ours, theirs = urlsplit(self.url), urlsplit(path_or_link)
        if (theirs.scheme, theirs.netloc.lower()) != (ours.scheme, ours.netloc.lower()):
            raise Fatal("foreign_next_link", "Azure's answer links its next page to another host.")
        return path_or_link
