"""Attaching the list of a ticket's resources as CSV, once per sequence number."""

from collections.abc import Callable
from urllib.parse import quote, urlencode

import msgspec

from common.http.deadline import Deadline
from common.http.exchange import Answer, Exchange, Request
from common.http.reading import decode, require_json
from common.http.signin import SignIn
from common.model.decision import Order
from common.servicenow import query as q
from common.servicenow.answers import SIDE, error_of
from common.servicenow.instance import Gate

ROUTE = "servicenow.attachment"
_PATH = "/api/now/attachment"


class _Rows(msgspec.Struct):
    result: list[dict[str, object]]


_rows = msgspec.json.Decoder(_Rows)


def file_name(order: Order) -> str:
    """Carries the sequence number, so that an upload that landed is known again."""
    return f"isthmus-resources-{order.generation}-{order.seq}.csv"


class Attachments:
    """Uploads files to records. A failed upload is told and not tried again."""

    def __init__(self, url: str, sign_in: SignIn, exchange: Exchange, gate: Gate) -> None:
        self._url = url
        self._sign_in = sign_in
        self._exchange = exchange
        self._gate = gate

    def ensure(self, table: str, sys_id: str, name: str, content: bytes, deadline: Deadline) -> bool:
        """Upload unless a file of that name is there; answers whether it was uploaded.

        Raises the errors of any call.
        """
        query = q.both(q.is_("table_sys_id", q.sys_id(sys_id)), q.is_("file_name", name))
        listed = self._call("GET", _PATH, {"sysparm_query": query, "sysparm_limit": "1"}, None, deadline)
        if decode(SIDE, ROUTE, listed, _rows.decode).result:
            return False
        params = {"table_name": q.column(table), "table_sys_id": sys_id, "file_name": name}
        self._call("POST", f"{_PATH}/file", params, content, deadline)
        return True

    def _call(
        self, method: str, path: str, params: dict[str, str], body: bytes | None, deadline: Deadline
    ) -> Answer:
        headers = {"Authorization": self._sign_in.header(deadline)}
        if body is not None:
            headers["Content-Type"] = "text/csv"
        url = f"{self._url}{path}?{urlencode(params, quote_via=_quoted)}"
        with self._gate.hold():
            answer = self._exchange.send(Request(method, url, ROUTE, {}, headers, body), deadline)
        require_json(SIDE, ROUTE, answer)
        if error := error_of(ROUTE, answer.status, answer.headers, answer.content):
            raise error
        return answer


_quoted: Callable[..., str] = quote
