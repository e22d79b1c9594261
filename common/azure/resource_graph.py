"""Resource Graph: pages of a query, within the fleet's share of the quota (defender-api 3)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec

from common.azure import kql
from common.azure.answers import SIDE, error_of, quota_remaining, resets_after
from common.azure.caller import ArmCaller, Budget, NoBudget
from common.azure.rows import decode_body
from common.errors import Fatal
from common.http.deadline import Deadline
from common.http.errors import HttpFatal, HttpRetry, Throttled
from common.http.exchange import Answer, Request
from common.http.reading import decode, require_json

T = TypeVar("T")

ROUTE = "arg.query"
_PATH = "/providers/Microsoft.ResourceGraph/resources"
_VERSION = "2022-10-01"
PAGE_SIZE = 1000
SUBSCRIPTIONS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a query looks: subscriptions (at most 1,000) or management groups; an empty scope is refused."""

    subscriptions: Sequence[str] = ()
    management_groups: Sequence[str] = ()

    def body(self) -> dict[str, Any]:
        """Raises Fatal `bad_scope`: without a scope the whole tenant would answer."""
        if not self.subscriptions and not self.management_groups:
            raise Fatal("bad_scope", "A query needs subscriptions or management groups.")
        if len(self.subscriptions) > SUBSCRIPTIONS_AT_ONCE:
            raise Fatal("bad_scope", "A query can name at most 1,000 subscriptions.")
        named = (
            ("subscriptions", self.subscriptions),
            ("managementGroups", self.management_groups),
        )
        return {name: list(values) for name, values in named if values}


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page. `number` counts from 0; `total` is -1 where Azure does not say.

    `truncated`: Azure cut the result or left subscriptions out, so what is missing is unknown. `skip_token`
    is "" on the last page; without it and not truncated the chain is whole. `malformed` has a sentence for
    each row that could not be decoded. `quota` is (remaining, seconds to reset) of the answer's headers.
    """

    number: int
    rows: Sequence[T]
    total: int
    truncated: bool
    skip_token: str = ""
    malformed: Sequence[str] = ()
    size: int = PAGE_SIZE
    quota: tuple[int, float] | None = None

    @property
    def last(self) -> bool:
        return not self.skip_token


@dataclass(slots=True)
class _Chain(Generic[T]):
    """Where a chain of pages stands."""

    query: str
    row_type: type[T]
    scope: dict[str, Any]
    size: int
    token: str
    number: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        options: dict[str, Any] = {"$top": self.size, "resultFormat": "objectArray"}
        if self.token:
            options["$skipToken"] = self.token
        return msgspec.json.encode({**self.scope, "query": self.query, "options": options})


class ResourceGraph:
    """Runs queries of `kql`. Each page costs one of the quota, reserved before it is asked for."""

    def __init__(self, caller: ArmCaller, budget: Budget | None = None) -> None:
        self._caller = caller
        self._budget = budget or NoBudget()

    def pages(
        self,
        query: str,
        row_type: type[T],
        scope: Scope,
        *,
        deadline: Deadline,
        page_size: int = PAGE_SIZE,
        skip_token: str = "",
        number: int = 0,
    ) -> Iterator[Page[T]]:
        """Yield pages to the last one; `skip_token` and `number` go on with an earlier chain.

        On ResponsePayloadTooLarge the page size is halved from there on. Raises Park `throttled` or the
        budget's, HttpRetry `skip_token_expired` (begin anew), HttpFatal `payload_too_large` when one row
        is too large, and the errors of any call.
        """
        chain = _Chain(query, row_type, scope.body(), page_size, skip_token, number)
        while True:
            page = self._page(chain, deadline)
            token = page.skip_token
            yield page
            del page  # a page may be 16 MB: never two of them
            if not token:
                return
            if token == chain.token:
                raise HttpFatal("cursor_stuck", "Azure's answer links its next page to itself.")
            chain.token, chain.number = token, chain.number + 1

    def rows(self, query: str, row_type: type[T], scope: Scope, *, deadline: Deadline) -> list[T]:
        """All rows of a small query.

        Raises HttpFatal `truncated_result` unless the result is whole, HttpRetry `counts_disagree` when it
        moved while it was read.
        """
        rows: list[T] = []
        total = -1
        for page in self.pages(query, row_type, scope, deadline=deadline):
            if page.truncated or page.malformed:
                raise HttpFatal("truncated_result", "Azure answered with a part of the rows only.")
            rows.extend(page.rows)
            total = page.total
        if total not in (-1, len(rows)):
            raise HttpRetry("counts_disagree", f"Azure counted {total} rows and gave {len(rows)}.")
        return rows

    def rows_by_id(
        self, ids: Sequence[str], row_type: type[T], scope: Scope, *, deadline: Deadline
    ) -> list[T]:
        """Exactly these assessments, at most 200, in any letter case; absent ones are left out.

        Raises as `rows`: only a whole answer makes absence mean anything.
        """
        return self.rows(kql.assessments_by_id(ids), row_type, scope, deadline=deadline)

    def _page(self, chain: _Chain[T], deadline: Deadline) -> Page[T]:
        while True:
            try:
                answer = self._ask(chain.body(), deadline)
            except HttpFatal as error:
                if error.reason != "payload_too_large" or chain.size == 1:
                    raise
                chain.size //= 2
            else:
                return self._read(chain, answer)

    def _ask(self, body: bytes, deadline: Deadline) -> Answer:
        self._budget.acquire(1, min(2.0, deadline.remaining()))
        headers = {"Content-Type": "application/json"}
        request = Request("POST", self._caller.url + _PATH, ROUTE, {"api-version": _VERSION}, headers, body)
        answer = self._caller.send(request, deadline)
        require_json(SIDE, ROUTE, answer)
        if quota := _quota(answer.headers):
            self._budget.observed(*quota)
        if error := error_of(ROUTE, answer.status, answer.headers, answer.content):
            if isinstance(error, Throttled):
                self._budget.observed(0, error.seconds)
            raise error
        return answer

    def _read(self, chain: _Chain[T], answer: Answer) -> Page[T]:
        body, malformed = decode(SIDE, ROUTE, answer, partial(decode_body, row_type=chain.row_type))
        left_out = answer.headers.get("x-ms-tenant-subscription-limit-hit", "").lower() == "true"
        return Page(
            chain.number,
            body.data,
            body.totalRecords,
            body.truncated or left_out,
            body.skip_token or "",
            malformed,
            chain.size,
            _quota(answer.headers),
        )


def _quota(headers: Mapping[str, str]) -> tuple[int, float] | None:
    remaining, seconds = quota_remaining(headers), resets_after(headers)
    return None if remaining is None or seconds is None else (remaining, seconds)
