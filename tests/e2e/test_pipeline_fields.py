"""A person's edit of each class of field is kept as promised, whatever the facts do next (promise 6)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from common.model.decision import Outcome
from tests.stack import Stack
from tests.stack_rules import Row
from tests.stack_run import Finished
from tests.stack_running import running
from tests.stack_witness import Key, Record

RULE = "severity-high"
NEITHER = "untouched"
EDITS: Mapping[str, Mapping[str, str]] = {
    "ours": {"short_description": "Mine: ask the platform team first"},
    "ours with its footer": {"description": "Rewritten by hand, without the marks"},
    "on create: impact": {"impact": "1"},
    "on create: due": {"due_date": "2031-01-02 03:04:05"},
    "raise only, lowered": {"urgency": "3"},
    "raise only, raised": {"urgency": "1"},
    "theirs to move: in progress": {"state": "2"},
    "theirs to move: on hold": {"state": "3", "hold_reason": "1"},
}
REFERENCES = {  # column -> table
    "assignment_group": "sys_user_group",
    "assigned_to": "sys_user",
    "caller_id": "sys_user",
    "cmdb_ci": "cmdb_ci_service",
}
PLACES = (*EDITS, *(f"on create: {column}" for column in REFERENCES), NEITHER)


@dataclass(frozen=True, slots=True)
class Edited:
    """Tickets that a person edited, then twice new facts: what was written meanwhile."""

    stack: Stack
    groups: Mapping[str, Key]
    words: Mapping[str, Mapping[str, str]]
    before: Mapping[str, Record]
    syncs: tuple[Finished, ...]

    def now(self, place: str) -> Record:
        return self.stack.ticket_of(self.groups[place])


def _words(stack: Stack) -> dict[str, Mapping[str, str]]:
    """What a person enters, by class."""
    found: dict[str, Mapping[str, str]] = dict(EDITS)
    for column, table in REFERENCES.items():
        rows = stack.simulator.rows(f"/servicenow/tickets?table={table}")
        ours = {ticket[column] for ticket in stack.tickets()}
        found[f"on create: {column}"] = {
            column: next(row["sys_id"] for row in rows if row["sys_id"] not in ours)
        }
    return found


def _useful(rows: Sequence[Row]) -> bool:
    """Two to be fixed, and others that can get worse while none is as bad as can be."""
    return len(rows) > 3 and {row["risk"] for row in rows} <= {"Low", "Medium", "High"}


@pytest.fixture(scope="module")
def edited(request: pytest.FixtureRequest) -> Iterator[Edited]:
    """Every class edited, then twice one finding fixed and another one worse."""
    with running(request, findings=4000) as stack:
        stack.go_live()
        stack.assert_right()
        members = {k: rows for k, rows in stack.members().items() if k[0] == RULE and _useful(rows)}
        assert len(members) >= len(PLACES), len(members)
        groups = dict(zip(PLACES, sorted(members, key=lambda k: (-len(members[k]), k)), strict=False))
        words = _words(stack)
        for place, fields in words.items():
            sys_id = stack.ticket_of(groups[place])["sys_id"]
            assert stack.person("edit", sys_id=sys_id, fields=dict(fields))
            stack.person("note", sys_id=sys_id)
        before = {place: stack.ticket_of(key) for place, key in groups.items()}
        syncs = []
        for turn in range(2):
            for key in groups.values():
                stack.azure("fix", ids=[members[key][turn]["id"]])
                stack.azure("raise_risk", ids=[members[key][turn + 2]["id"]])
            syncs.append(stack.sync())
        yield Edited(stack, groups, words, before, tuple(syncs))


def test_every_ticket_was_written_and_nothing_of_a_persons(edited: Edited) -> None:
    """Both syncs write what is ours to every ticket; where the description is a person's the note must do."""
    first, second = edited.syncs
    assert first.balanced, first
    assert second.balanced, second
    assert first.count(Outcome.UPDATED) == len(PLACES), first
    assert second.count(Outcome.UPDATED) == len(PLACES) - 1, second
    assert second.groups.reasons["unchanged:nothing_to_write"] == 1, second
    found = edited.stack.assert_right()
    assert found.overwritten == 0
    written = edited.stack.writes()
    assert edited.stack.sync().status == "complete"
    assert edited.stack.writes() == written


@pytest.mark.parametrize("place", [place for place in PLACES if place != NEITHER])
def test_an_edit_is_kept(edited: Edited, place: str) -> None:
    """What the person entered stands, their note and ours too, and what they left is kept up to date."""
    now, before = edited.now(place), edited.before[place]
    assert {name: now[name] for name in edited.words[place]} == edited.words[place]
    assert int(now["sys_mod_count"]) > int(before["sys_mod_count"])
    notes = edited.stack.notes(now["sys_id"])
    assert "A person was here." in notes
    assert any("Progress: 1 of" in note for note in notes)
    if "description" not in edited.words[place]:
        assert now["description"] != before["description"]


def test_urgency_rises_with_the_risk_where_nobody_touched_it(edited: Edited) -> None:
    """The contrast to `raise only`: the same change of the facts raises it by one."""
    assert (edited.before[NEITHER]["urgency"], edited.now(NEITHER)["urgency"]) == ("2", "1")
