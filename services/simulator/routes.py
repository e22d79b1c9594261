"""The stable names of routes: what counters, faults, latencies and barriers are keyed by."""

import re
from typing import Final

_TABLE: Final = re.compile(r"^/api/now(?:/v\d+)?/table/[^/]+(/[^/]+)?/?$")
_ATTACHMENT: Final = re.compile(r"^/api/now(?:/v\d+)?/attachment(?:/|$)")
_STATS: Final = re.compile(r"^/api/now(?:/v\d+)?/stats/")
_BATCH: Final = re.compile(r"^/api/now(?:/v\d+)?/batch/?$")
_TABLE_METHODS: Final = {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
_AZURE: Final = (
    (re.compile(r"/microsoft\.resourcegraph/resources/?$"), "arg.query"),
    (re.compile(r"/microsoft\.security/assessmentmetadata(?:/|$)"), "arm.assessmentMetadata"),
    (re.compile(r"/microsoft\.security/assessments(?:/|$)"), "arm.assessments"),
    (re.compile(r"/microsoft\.security/pricings(?:/|$)"), "arm.pricings"),
    (re.compile(r"^/subscriptions(?:/[^/]+)?/?$"), "arm.subscriptions"),
)


def _servicenow(method: str, path: str) -> str:
    if path == "/oauth_token.do":
        return "servicenow.oauth"
    if _BATCH.match(path):
        return "servicenow.batch"
    if _ATTACHMENT.match(path):
        return "servicenow.attachment"
    if _STATS.match(path):
        return "servicenow.stats"
    table = _TABLE.match(path)
    if table is None:
        return "servicenow.other"
    verb = _TABLE_METHODS.get(method)
    return f"servicenow.table.{verb or ('get' if table[1] else 'list')}"


def route_of(face: str, method: str, path: str) -> str:
    """The route's name for a request on a listener: `azure`, `login`, `servicenow` or `control`."""
    if face == "servicenow":
        return _servicenow(method, path)
    if face == "azure":
        lowered = path.lower()
        return next((name for pattern, name in _AZURE if pattern.search(lowered)), "arm.other")
    if face == "login":
        return "login.token" if path.endswith("/oauth2/v2.0/token") else "login.discovery"
    return face
