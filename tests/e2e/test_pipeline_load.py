"""Microsoft's own example payloads go the whole way, and so do rows that are not as they should be."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.model.decision import Outcome
from tests.stack import Stack
from tests.stack_rules import PER_RESOURCE, PER_RESOURCE_MODEL, rules_text
from tests.stack_running import running

EXAMPLES = Path(__file__).resolve().parents[1] / "data" / "azure" / "examples"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"


def _row(key: str, **properties: Any) -> dict[str, Any]:
    """An assessment of an EC2 instance as Resource Graph gives it."""
    resource = (
        f"/subscriptions/{SUBSCRIPTION}/resourcegroups/rg/providers/microsoft.security"
        "/securityconnectors/c/securityentitydata/aws-instances-i-0abc-us-east-1"
    )
    usual = {
        "displayName": f"EC2 instances should not be {key}",
        "resourceDetails": {"Source": "Aws", "Id": resource, "HierarchyId": "544047870946"},
        "status": {"code": "Unhealthy", "statusChangeDate": "2026-01-02T03:04:05.1234567Z"},
        "metadata": {"severity": "Critical", "displayName": f"EC2 instances should not be {key}"},
    }
    return {
        "id": f"{resource}/providers/Microsoft.Security/assessments/{key}",
        "name": key,
        "type": "microsoft.security/assessments",
        "resourceGroup": "rg",
        "subscriptionId": SUBSCRIPTION,
        "properties": {**usual, **properties},
    }


ODD = [
    _row("plain"),
    _row("strange-words", risk={"level": "Enormous"}, metadata={"severity": "Severe"}),
    _row("without-metadata", metadata=None),
    _row("unknown-cloud", resourceDetails={"Source": "Mars", "Id": "/x/y"}),
    {**_row("no-properties"), "properties": None},
    _row("sleepy", status={"code": "Sleepy"}),
]


def _directory(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Microsoft's files and one of plain rows."""
    path.mkdir()
    for source in EXAMPLES.rglob("*.json"):
        (path / source.name).write_bytes(source.read_bytes())
    (path / "rows.json").write_text(json.dumps(rows))
    return path


@pytest.fixture
def loaded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """A world of payloads, a ticket for each open finding."""
    payloads = _directory(tmp_path / "payloads", ODD)
    rules = rules_text(rules=PER_RESOURCE)
    arguments = ("--load", str(payloads))
    with running(request, findings=0, rules=rules, model=PER_RESOURCE_MODEL, arguments=arguments) as stack:
        yield stack


def test_microsofts_examples_and_odd_rows_become_tickets(loaded: Stack) -> None:
    """Microsoft's examples, made Unhealthy, have tickets with their titles; what can't be read is counted."""
    examples = loaded.azure("unfix")
    assert len(examples) == 2
    planned = loaded.plan()
    assert planned.balanced, planned
    loaded.approve(planned.run)

    first = loaded.sync()

    assert first.balanced, first
    assert first.findings.malformed == 2, first
    titles = {ticket["short_description"] for ticket in loaded.tickets()}
    open_rows = [row for row in loaded.rows() if row["code"] == "Unhealthy"]
    for row in open_rows:
        assert any(row["title"] in title for title in titles), (row["title"], titles)
    assert first.count(Outcome.CREATED) == len(open_rows), first
    assert any("resource=/subscriptions/20ff7fc3" in ticket["description"] for ticket in loaded.tickets())
    assert loaded.duplicates() == 0

    written = loaded.writes()
    again = loaded.sync()
    assert again.balanced, again
    assert loaded.writes() == written
