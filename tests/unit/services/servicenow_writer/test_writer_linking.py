"""Links after writes."""

import pytest

from common.identity import field_digest
from services.servicenow_writer.linking import link_adopted, link_deleted, link_kept, link_written
from tests.unit.services.servicenow_writer.writer_orders import PERSON, US, link, order, record, update

NOW = 1_800_000_000


def test_created() -> None:
    """A create makes the link: ids of the answer, digests of what was sent, no base before it settled."""
    made = link_written(order(), None, record(order(), sys_id="f" * 32), {}, NOW)
    assert (made.sys_id, made.number, made.seq, made.mod_count) == ("f" * 32, "INC1", 1, 0)
    assert made.wrote == {"short_description": field_digest("Fix it"), "urgency": field_digest("2")}
    assert made.base == {}
    assert (made.facts, made.members, made.open, made.worst) == ("f1", 2, 2, 3)
    assert (made.created_at, made.written_at, made.noted_on, made.resolved_at) == (NOW, NOW, 0, 0)


def test_updated() -> None:
    """What was sent leaves the base until the next poll settles it; the rest stays."""
    before = link(created_at=5)
    made = link_written(update(note="x"), before, record(update(), before), {}, NOW)
    assert made.base == {"urgency": before.base["urgency"]}
    assert made.wrote["short_description"] == field_digest("Fix it now")
    assert made.wrote["urgency"] == before.wrote["urgency"]
    assert (made.seq, made.created_at, made.noted_on) == (2, 5, NOW)


def test_kept_fields() -> None:
    """A field left to a person is his, on the base of his value."""
    theirs = {"short_description": field_digest("Mine")}
    wanted = update(fields={"short_description": "Fix it now", "urgency": "1"})
    made = link_written(wanted, link(), record(wanted, link()), theirs, NOW)
    assert made.edited == ("short_description",)
    assert made.base == theirs
    assert made.wrote["short_description"] == link().wrote["short_description"]


def test_resolved_and_reopened() -> None:
    """The time of the last resolve stays when the ticket is opened again."""
    resolve = update(kind="resolve", fields={"state": "6", "close_code": "Solution provided"})
    resolved = link_written(resolve, link(closed_by_person=True), record(resolve, link()), {}, NOW)
    assert (resolved.state, resolved.close_code, resolved.resolved_at) == ("6", "Solution provided", NOW)
    assert not resolved.closed_by_person
    reopen = update(kind="reopen", seq=3, fields={"state": "2"})
    reopened = link_written(reopen, resolved, record(reopen, resolved), {}, NOW + 9)
    assert (reopened.state, reopened.resolved_at) == ("2", NOW)


def test_successor() -> None:
    """A new generation begins a new link, and names its parent."""
    successor = order(generation=2, parent="p" * 32)
    made = link_written(successor, link(seq=7, edited=("urgency",)), record(successor), {}, NOW)
    assert (made.generation, made.seq, made.edited, made.parent) == (2, 1, (), "p" * 32)


def test_adopted() -> None:
    """A ticket that was there brings its stamp's digests and sequence, and is decided again."""
    found = record(order(seq=5, members=9), state="2")
    made = link_adopted(order(), None, found, now=NOW, user=US)
    assert (made.seq, made.members, made.state, made.facts) == (5, 9, "2", "")
    assert made.wrote == {"short_description": field_digest("Fix it"), "urgency": field_digest("2")}


def test_left() -> None:
    """Kept fields and deletions are noted without a write."""
    kept = link_kept(update(), link(), {"urgency": "abcd"})
    assert (kept.edited, kept.base["urgency"], kept.seq, kept.facts) == (("urgency",), "abcd", 1, "f2")
    assert link_deleted(update(), link()).deleted


@pytest.mark.parametrize("state", ["6", "7"])
def test_a_ticket_that_a_person_closed_before_we_knew_of_it(state: str) -> None:
    """Redis restored from an older dump, or an answer lost: what was closed since is the person's closing."""
    theirs = record(order(), state=state, active="false", sys_updated_by=PERSON)
    for made in (
        link_written(order(), None, theirs, {}, NOW, US),
        link_adopted(order(), None, theirs, now=NOW, user=US),
    ):
        assert (made.state, made.closed_by_person, made.resolved_at) == (state, True, NOW)
    ours = {**theirs, "sys_updated_by": US}
    assert not link_written(order(), None, ours, {}, NOW, US).closed_by_person
    assert not link_adopted(order(), None, ours, now=NOW, user=US).closed_by_person
