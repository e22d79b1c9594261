"""The Attachment API: upload (binary and multipart), list, read, download, delete."""

import hashlib
import mimetypes
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP

from aiohttp import web

from services.simulator.servicenow.errors import ApiError, acl_exception, no_record, unknown_path, unreadable
from services.simulator.servicenow.store import Row
from services.simulator.servicenow.web.call import Call
from services.simulator.servicenow.web.table import search, visible

TABLE = "sys_attachment"
_ROUTE = "servicenow.attachment"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file for a record."""

    table: str
    record: str
    name: str
    kind: str
    content: bytes


async def handle(call: Call, parts: list[str]) -> web.StreamResponse:
    """`/attachment`, `/attachment/file`, `/attachment/upload`, `/attachment/{sys_id}[/file]`."""
    match (call.method, parts):
        case ("GET", [""]):
            return await call.guarded(_ROUTE, TABLE, lambda: _list(call), write=False)
        case ("POST", ["file"]):
            binary = _binary(call)
            return await call.guarded(_ROUTE, binary.table, lambda: _store(call, binary), write=True)
        case ("POST", ["upload"]):
            multipart = _multipart(call)
            return await call.guarded(_ROUTE, multipart.table, lambda: _store(call, multipart), write=True)
        case ("GET", [sys_id]):
            return await call.guarded(_ROUTE, TABLE, lambda: _get(call, sys_id), write=False)
        case ("GET", [sys_id, "file"]):
            return await call.guarded(_ROUTE, TABLE, lambda: _download(call, sys_id), write=False)
        case ("DELETE", [sys_id]):
            return await call.guarded(_ROUTE, TABLE, lambda: _delete(call, sys_id), write=True)
    raise unknown_path()


def _binary(call: Call) -> Upload:
    name = call.params.get("file_name", "")
    kind = call.headers.get("Content-Type", "").partition(";")[0] or mimetypes.guess_type(name)[0]
    table, record = call.params.get("table_name", ""), call.params.get("table_sys_id", "")
    return _complete(Upload(table, record, name, kind or "application/octet-stream", call.body))


def _multipart(call: Call) -> Upload:
    """table_name and table_sys_id come before the file, which is called uploadFile or anything."""
    kind = call.headers.get("Content-Type", "")
    if "boundary=" not in kind:
        raise unreadable("The multipart request has no boundary.")
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + call.body)
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        data = content if isinstance(content, bytes) else b""
        filename = part.get_filename()
        if filename is not None:
            table, record = fields.get("table_name", ""), fields.get("table_sys_id", "")
            return _complete(Upload(table, record, filename, part.get_content_type(), data))
        fields[str(part.get_param("name", "", "content-disposition"))] = data.decode(errors="replace").strip()
    raise unreadable("The multipart request has no file.")


def _complete(upload: Upload) -> Upload:
    if not (upload.table and upload.record and upload.name):
        raise ApiError(400, "Invalid request", "table_name, table_sys_id and file_name are required")
    return upload


def _store(call: Call, upload: Upload) -> web.Response:
    table = call.table(upload.table)
    state = call.site.state
    if state.database.locate(table.name, upload.record) is None:
        raise no_record()
    if not state.engine.acl.may_write(call.user, table.name):
        raise acl_exception("Insert")
    sys_id = state.engine.new_id()
    size = len(upload.content)
    row: Row = {
        "sys_id": sys_id,
        "file_name": upload.name[:100],
        "content_type": upload.kind[:255],
        "table_name": table.name,
        "table_sys_id": upload.record,
        "size_bytes": str(size),
        "size_compressed": str(size),
        "compressed": "true",
        "chunk_size_bytes": "700000",
        "state": "pending",
        "hash": hashlib.sha256(upload.content).hexdigest(),
        "download_link": f"{call.base}/attachment/{sys_id}/file",
        "sys_created_on": call.at,
        "sys_created_by": call.user.name,
        "sys_updated_on": call.at,
        "sys_updated_by": call.user.name,
        "sys_mod_count": "0",
    }
    state.database.stores[TABLE].add(row)
    state.contents[sys_id] = upload.content
    headers = {"Location": f"{call.base}/attachment/{sys_id}"}
    return call.answer(201, call.view(call.table(TABLE)).record(row, call.table(TABLE)), headers)


def _list(call: Call) -> web.Response:
    table = call.table(TABLE)
    limit, offset = call.number("sysparm_limit", 1000), call.number("sysparm_offset", 0)
    page = search(call, table, limit=limit, offset=offset, count=True)
    view = call.view(table)
    rows = [view.record(row, table) for row in visible(call, table, page.rows)]
    return call.answer(200, rows, {"X-Total-Count": str(page.total)})


def _found(call: Call, sys_id: str) -> Row:
    row = call.site.state.database.find(TABLE, sys_id)
    if row is None:
        raise no_record()
    return row


def _get(call: Call, sys_id: str) -> web.Response:
    table = call.table(TABLE)
    return call.answer(200, call.view(table).record(_found(call, sys_id), table))


def _download(call: Call, sys_id: str) -> web.Response:
    row = _found(call, sys_id)
    response = web.Response(body=call.site.state.contents.get(sys_id, b""))
    response.headers["Content-Type"] = row["content_type"]
    return response


def _delete(call: Call, sys_id: str) -> web.Response:
    row = _found(call, sys_id)
    state = call.site.state
    if not (state.engine.acl.may_delete(call.user) or row["sys_created_by"] == call.user.name):
        raise acl_exception("Delete")
    state.database.stores[TABLE].remove(sys_id)
    state.contents.pop(sys_id, None)
    return web.Response(status=204)
