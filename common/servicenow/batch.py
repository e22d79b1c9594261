"""The Batch API: several requests in one, each with its own answer (servicenow-api 2)."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from common.http.deadline import Deadline
from common.http.errors import HttpError, HttpFatal
from common.servicenow import paths
from common.servicenow.answers import error_of
from common.servicenow.instance import Instance
from common.servicenow.records import Record, decode_record, encode_fields

ROUTE = "servicenow.batch"
BODY_LIMIT = 10_485_760  # bytes of a whole request, by default (servicenow-api 5.4)
_JSON = (
    {"name": "Content-Type", "value": "application/json"},
    {"name": "Accept", "value": "application/json"},
)


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One request: `path` with its query string, `body` JSON bytes; `route` names it in errors."""

    id: str
    method: str
    path: str
    route: str
    body: bytes | None = None


def create_item(id_: str, table: str, fields: Mapping[str, str], returning: Sequence[str] = ()) -> BatchItem:
    """An insert, as TableClient.create sends it."""
    asked = ["sys_id", "number", "sys_mod_count", "sys_updated_on", *returning]
    path = paths.with_params(paths.table_path(table), paths.write_params(asked))
    return BatchItem(id_, "POST", path, paths.CREATE_ROUTE, encode_fields(fields))


def patch_item(
    id_: str, table: str, sys_id: str, fields: Mapping[str, str], returning: Sequence[str] = ()
) -> BatchItem:
    """A change, as TableClient.patch sends it."""
    asked = ["sys_id", "number", "sys_mod_count", "sys_updated_on", *returning]
    path = paths.with_params(paths.record_path(table, sys_id), paths.write_params(asked))
    return BatchItem(id_, "PATCH", path, paths.UPDATE_ROUTE, encode_fields(fields))


def get_item(id_: str, table: str, sys_id: str, fields: Sequence[str]) -> BatchItem:
    """A read by sys_id."""
    path = paths.with_params(paths.record_path(table, sys_id), paths.read_params(["sys_id", *fields]))
    return BatchItem(id_, "GET", path, paths.GET_ROUTE)


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """An item's own answer. `execution_ms` sizes the next batch to at most 5 s."""

    status: int
    body: bytes
    execution_ms: int
    route: str

    def error(self) -> HttpError | None:
        """Its typed error, as if it had been sent alone; None for success."""
        return error_of(self.route, self.status, {}, self.body)

    def record(self) -> Record:
        """The record of a successful item.

        Raises the item's typed error, or HttpFatal `malformed_answer` (`acted`: the write may stand).
        """
        if error := self.error():
            raise error
        try:
            return decode_record(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = f"servicenow answered {self.route} in a batch with a body that is no record."
            raise HttpFatal("malformed_answer", message, status=self.status, acted=True) from None


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The items' answers.

    `unserviced` were cut off by the batch's 30 s; `missing` are named nowhere: they may
    have been carried out.
    """

    serviced: Mapping[str, ItemAnswer]
    unserviced: tuple[str, ...]
    missing: tuple[str, ...]


class _Serviced(msgspec.Struct):
    id: str | int
    status_code: int
    body: str = ""
    execution_time: float = 0.0


class _Batch(msgspec.Struct):
    serviced_requests: list[_Serviced] = []
    unserviced_requests: list[str | int] = []


_batch = msgspec.json.Decoder(_Batch)


class BatchClient:
    """Executes batches. One batch holds one permit, so keep it to 5 s (state-model 1.9)."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def execute(
        self, requests: Sequence[BatchItem], *, deadline: Deadline, urgent: bool = False
    ) -> BatchAnswer:
        """Send all items in one request; they run one after another and are not atomic.

        Raises HttpFatal `payload_too_large` above 10 MiB, and the errors of Instance.call for the batch as a
        whole; with `acted` any item may have been carried out.
        """
        body = _encode(requests)
        if len(body) > BODY_LIMIT:
            raise HttpFatal("payload_too_large", f"A batch of {len(body)} bytes is too large; split it.")
        answer, _ = self._instance.call(
            "POST", "/api/now/v1/batch", ROUTE, _batch.decode, body=body, deadline=deadline, urgent=urgent
        )
        routes = {item.id: item.route for item in requests}
        serviced = {
            str(item.id): ItemAnswer(
                item.status_code, _unpack(item.body), round(item.execution_time), routes[str(item.id)]
            )
            for item in answer.serviced_requests
            if str(item.id) in routes
        }
        left = tuple(
            str(i) for i in answer.unserviced_requests if str(i) in routes and str(i) not in serviced
        )
        missing = tuple(i for i in routes if i not in serviced and i not in left)
        return BatchAnswer(serviced, left, missing)


def _encode(requests: Sequence[BatchItem]) -> bytes:
    items = [
        {
            "id": item.id,
            "method": item.method,
            "url": item.path,
            "headers": _JSON,
            "exclude_response_headers": True,
            **({"body": base64.b64encode(item.body).decode()} if item.body is not None else {}),
        }
        for item in requests
    ]
    return msgspec.json.encode({"batch_request_id": "1", "rest_requests": items})


def _unpack(body: str) -> bytes:
    """Decode base64, wrapped over lines as it may be; a broken body is an empty one."""
    try:
        return base64.b64decode(body)
    except binascii.Error:
        return b""
