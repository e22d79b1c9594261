"""docs/cli.md names every command, every field of every answer, and every exit code."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.cli import errors
from tests.unit.services.cli.conftest import SCHEMAS, Cli

PAGE = (Path(__file__).parents[4] / "docs/cli.md").read_text()


def properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from properties(part)


@pytest.mark.parametrize("schema", sorted(path.name for path in SCHEMAS.glob("*.json")))
def test_fields_are_documented(schema: str) -> None:
    """A field that the schema has stands on the page."""
    missing = {
        name for name in properties(json.loads((SCHEMAS / schema).read_text())) if f"`{name}`" not in PAGE
    }
    assert not missing


def test_exit_codes_are_documented() -> None:
    """Each code has its row."""
    for name in ("OK", "FAILED", "SOMETHING_TO_DO", "NEEDS_PERSON", "USAGE", "INTERRUPTED"):
        assert f"\n| {getattr(errors, name)} | " in PAGE


def test_commands_are_documented(cli: Cli) -> None:
    """Each command that help lists stands on the page."""
    for group in ("runs", "tickets", "rules", "connections", "links", "state"):
        listed = cli(group, "--help").stdout.partition("Commands")[2]
        names = [line.split()[1] for line in listed.splitlines() if line.startswith("│ ") and line[2] != " "]
        assert names
        for name in names:
            assert f"`{group} {name}" in PAGE
