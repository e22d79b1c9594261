"""Paths and parameters of the Table API, for single calls and for batch items alike."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

from common.servicenow import query as q

LIST_ROUTE = "servicenow.table.list"
GET_ROUTE = "servicenow.table.get"
CREATE_ROUTE = "servicenow.table.create"
UPDATE_ROUTE = "servicenow.table.update"


def table_path(table: str) -> str:
    return f"/api/now/table/{q.column(table)}"


def record_path(table: str, sys_id: str) -> str:
    return f"{table_path(table)}/{q.sys_id(sys_id)}"


def read_params(fields: Iterable[str]) -> dict[str, str]:
    """Actual values, plain sys_ids, UTC times, and only these fields."""
    return {
        "sysparm_fields": ",".join(dict.fromkeys(q.column(name) for name in fields)),
        "sysparm_display_value": "false",
        "sysparm_exclude_reference_link": "true",
    }


def write_params(returning: Iterable[str]) -> dict[str, str]:
    """As `read_params`, and what is sent are actual values too."""
    return {**read_params(returning), "sysparm_input_display_value": "false"}


def list_params(query: str, fields: Iterable[str], limit: int, offset: int | None = None) -> dict[str, str]:
    """One page; without an offset the only one, which needs no word on the header that leads to others.

    A look-up has no room to spare: 50 sys_ids and what is asked of them just fit one URL.
    """
    one = {"sysparm_query": query, **read_params(fields), "sysparm_limit": str(limit)}
    if offset is None:
        return one
    return {**one, "sysparm_offset": str(offset), "sysparm_suppress_pagination_header": "true"}


def with_params(path: str, params: Mapping[str, str]) -> str:
    """Path and query string. Commas stay as they are, which a query allows: lists of keys are long."""
    return f"{path}?{urlencode(params, quote_via=quote, safe=',')}" if params else path
