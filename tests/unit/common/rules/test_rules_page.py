"""docs/rules.md is held to the code."""

from pathlib import Path

import pytest

from common.rules import spec
from common.rules.spec import DIMENSIONS
from common.rules.variables import VARIABLES
from services.mapper.decide import Reason

PAGE = (Path(__file__).parents[4] / "docs" / "rules.md").read_text(encoding="utf-8")
# Said by the connection, not by a rule's event, or only between mapper and writer.
_ELSEWHERE = {
    "up_to_date", "nothing_to_write", "already_closed", "nothing_open", "plan_mode", "state_lost",
    "links_not_rebuilt", "table_unavailable", "assignment_unresolved", "caller_unresolved", "template_failed",
    "no_close_code", "resource_gone", "resolve_off", "deleted_successor",
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [*spec.When.model_fields, *spec.Ticket.model_fields, *DIMENSIONS, *VARIABLES]
)
def test_every_word_of_the_file_is_explained(name: str) -> None:
    """Conditions, ticket keys, dimensions and template variables stand on the page."""
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", sorted({r.value for r in Reason} - _ELSEWHERE))
def test_every_reason_of_the_table_is_there(name: str) -> None:
    """The table of events names each reason."""
    assert f"`{name}`" in PAGE
