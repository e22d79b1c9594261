"""What platform owners approve is what the clients call: pages and code must not drift apart."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
_PATH = re.compile(r'"(?:\{[^}]*\})?(/(?:api/now|oauth_token|providers/Microsoft|subscriptions)[^"{?]*)')
_REASON = re.compile(r'(?:Reaction\(\s*"\w+",\s*|Throttled\(\s*|Fatal\(\s*)"(\w+)"')
# Mistakes in our own requests or in the answer's form: nothing that an approval page can mend.
_INTERNAL = frozenset(
    {
        "bad_api_version",
        "bad_mark",
        "bad_query",
        "bad_request",
        "bad_scope",
        "basic_not_allowed",
        "conflict",
        "cursor_stuck",
        "foreign_next_link",
        "invalid_table",
        "malformed_answer",
        "no_record",
        "no_resource",
        "no_such_resource",
        "payload_too_large",
        "redirected",
        "server_error",
        "too_many_subscriptions",
        "transaction_cancelled",
        "unavailable",
        "unknown_cloud",
        "unsafe_query",
    }
)
PAGES = [("common/azure", "docs/azure-roles.md"), ("common/servicenow", "docs/servicenow-approval.md")]


def sources(folder: str) -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / folder).glob("*.py")))


@pytest.mark.parametrize(("folder", "page"), PAGES)
def test_every_route_is_on_its_page(folder: str, page: str) -> None:
    """A route that the client calls and the page does not name was never approved."""
    text = (ROOT / page).read_text()
    routes = {match.rstrip("/") for match in _PATH.findall(sources(folder))}
    assert len(routes) >= 3
    assert {route for route in routes if route not in text} == set()


@pytest.mark.parametrize(("folder", "page"), PAGES)
def test_every_reason_is_on_its_page(folder: str, page: str) -> None:
    """A reason that an operator can mend has its mend on the page."""
    text = (ROOT / page).read_text()
    reasons = set(_REASON.findall(sources(folder)))
    assert len(reasons) >= 8
    assert {reason for reason in reasons - _INTERNAL if f"`{reason}`" not in text} == set()
