"""render and orders: what is written, field class by field class."""

from dataclasses import replace

import pytest

from common.identity import parse_footer, sys_id_of
from common.model.decision import Decision, Kind
from common.model.finding import Risk, Severity
from common.model.group import Memo
from services.mapper.decide import Reason, facts_digest
from services.mapper.render import Directory, render
from services.mapper.render_assign import caller_name, group_names
from services.mapper.render_orders import orders
from tests.rendering import DIRECTORY, FENCE, GROUP, TITLE, US, event, order, source, ticket
from tests.worlds import GROUP_FACTS, aggregate, rule

# --- create


def test_create_sets_each_class_of_field() -> None:
    """Facts, what is set once, and no state: New is the instance's own."""
    made = order(
        source(effective=rule("ticket: {impact: 2, urgency: 2, due: 7d, set_on_create: {u_team: blue}}"))
    )
    assert made.fields["short_description"] == f"Defender for Cloud: {TITLE}"
    assert made.fields["impact"] == made.fields["urgency"] == "2"
    assert (made.fields["assignment_group"], made.fields["caller_id"]) == (GROUP, US)
    assert made.fields["due_date"] == "2027-01-22 08:00:00"
    assert made.fields["u_team"] == "blue"
    assert "state" not in made.fields
    assert made.fields.keys() & {"sys_id", "correlation_id", "correlation_display", "priority"} == set()


def test_create_order_carries_identity_and_facts() -> None:
    """The order names run, group, correlation_id, the sys_id made of it, and what was rendered."""
    given_ = source()
    made = order(given_)
    assert (made.seq, made.generation, made.expect_state, made.expect_mod_count) == (1, 1, "", -1)
    assert made.correlation_id.startswith("isth:contoso:incident:")
    assert made.sys_id == sys_id_of(made.correlation_id)
    assert (made.epoch, made.run, made.rule, made.group) == (
        "epoch",
        "run-1",
        "one",
        GROUP_FACTS.identity[:8].hex(),
    )
    assert (made.members, made.open, made.worst) == (3, 3, given_.aggregate.worst)
    assert made.facts == facts_digest(given_.aggregate, given_.rule)
    assert len(made.member_digest) == 8


def test_successor_names_its_parent() -> None:
    """Generation + 1, parent_incident, and a note that names the old ticket."""
    old = ticket(source(), state="7")
    made = order(
        source(
            Decision(Kind.CREATE, "regression_closed", Memo(), 0, 2, old.sys_id, ("regression_closed",)),
            link=old,
        )
    )
    assert (made.generation, made.fields["parent_incident"], made.parent) == (2, old.sys_id, old.sys_id)
    assert "INC0001" in made.note
    assert made.sys_id != old.sys_id
    footer = parse_footer(made.fields["description"])
    assert footer is not None
    assert footer.generation == 2


def test_never_above_the_priority_floor() -> None:
    """Impact 1 and urgency 1 would be P1: urgency gives way."""
    made = order(source(effective=rule("ticket: {impact: 1, urgency: 1}")))
    assert (made.fields["impact"], made.fields["urgency"]) == ("1", "2")


def test_urgency_by_level() -> None:
    """A table goes by the risk level where there is one, else by severity."""
    own = rule("ticket: {impact: 3, urgency: {Critical: 1, High: 2, default: 3}}")
    by_severity = order(source(effective=own, aggregate=aggregate(Severity.HIGH, open=1)))
    by_risk = order(source(effective=own, aggregate=aggregate(Severity.HIGH, Risk.LOW, open=1)))
    assert (by_severity.fields["urgency"], by_risk.fields["urgency"]) == ("2", "3")


# --- assignment


@pytest.mark.parametrize(
    ("chain", "tags", "expected"),
    [
        ("[Cloud Security]", {}, GROUP),
        ("['tag:Owner', Cloud Security]", {"owner": "payments"}, "e" * 32),
        ("['tag:Owner', Cloud Security]", {"owner": "nobody knows"}, GROUP),
        ("['tag:Owner', Cloud Security]", {}, GROUP),
        ("[ci.support_group, Cloud Security]", {}, GROUP),
        (f"[{'9' * 31}a]", {}, "9" * 31 + "a"),
    ],
)
def test_assign_chain(chain: str, tags: dict[str, str], expected: str) -> None:
    """The first group of the chain that exists; tags and names whatever their case."""
    own = rule(f"ticket: {{assign: {chain}}}")
    assert order(source(effective=own, tags=tags)).fields["assignment_group"] == expected


def test_unresolved_group_and_caller_are_held() -> None:
    """Nothing is created without them, and the sentence names the rule."""
    for directory, own, reason in (
        (Directory(US), rule(), Reason.ASSIGNMENT_UNRESOLVED),
        (DIRECTORY, rule("ticket: {caller: bob}"), Reason.CALLER_UNRESOLVED),
    ):
        given_ = source(effective=own, directory=directory)
        rendered = render(given_)
        made = orders(given_, rendered, FENCE)
        assert isinstance(made, Decision)
        assert (made.kind, made.reason) == (Kind.HELD, reason)
        assert "rule one" in rendered.detail


def test_updates_need_no_group() -> None:
    """What is set once is not asked for again."""
    before = source()
    given_ = source(
        event(Kind.UPDATE),
        link=ticket(before),
        aggregate=aggregate(open=2, healthy=1),
        directory=Directory(US),
    )
    assert set(order(given_).fields) == {"description"}


def test_names_to_look_up() -> None:
    """The names that a directory must hold are known before rendering."""
    own = rule("ticket: {assign: ['tag:owner', ci.support_group, Other], caller: anna}")
    assert group_names(own, {"Owner": "Payments"}) == ("Payments", "Other", "Cloud Security")
    assert (caller_name(own), caller_name(rule())) == ("anna", "")


# --- update, note, resolve, reopen


def test_nothing_is_sent_that_we_wrote_already() -> None:
    """The same facts give Unchanged, not an empty PATCH."""
    before = source()
    given_ = source(event(Kind.UPDATE), link=ticket(before))
    made = orders(given_, render(given_), FENCE)
    assert isinstance(made, Decision)
    assert (made.kind, made.reason) == (Kind.UNCHANGED, "nothing_to_write")


def test_only_what_changed_is_sent() -> None:
    """One field moved, one field is sent, with the next sequence."""
    link = ticket(source())
    made = order(source(event(Kind.UPDATE, "part_fixed"), link=link, aggregate=aggregate(open=2, healthy=1)))
    assert set(made.fields) == {"description"}
    assert (made.seq, made.expect_state, made.expect_mod_count, made.sys_id) == (5, "1", 7, link.sys_id)
    assert made.note == "Progress: 1 of 3 done, 2 still open (before: 3)."


@pytest.mark.parametrize("mark", ["edited", "given_up"])
def test_what_a_person_edited_is_left(mark: str) -> None:
    """An edited field, and one that was given up, are theirs; the note still comes."""
    link = ticket(source(), **{mark: ("description",)})
    made = order(source(event(Kind.UPDATE, "part_fixed"), link=link, aggregate=aggregate(open=2, healthy=1)))
    assert made.fields == {}
    assert made.note


def test_urgency_is_only_raised() -> None:
    """A worse level raises one step and never lowers again."""
    high = aggregate(Severity.HIGH, Risk.MEDIUM, open=3)
    critical = aggregate(Severity.HIGH, Risk.CRITICAL, open=3)
    raised = order(source(event(Kind.UPDATE), link=ticket(source(aggregate=high)), aggregate=critical))
    assert raised.fields["urgency"] == "2"
    lower = source(event(Kind.UPDATE), link=ticket(source(aggregate=critical)), aggregate=high)
    assert "urgency" not in order(lower).fields
    theirs = ticket(source(aggregate=high), edited=("urgency",))
    assert "urgency" not in order(source(event(Kind.UPDATE), link=theirs, aggregate=critical)).fields


def test_resolve_says_why() -> None:
    """State and close code from the decision, close notes from the template, the rule's own fields."""
    own = rule("ticket: {set_on_resolve: {u_cause: cloud}}")
    given_ = source(
        event(Kind.RESOLVE, state="6", close_code="Solution provided"), own,
        link=ticket(source(effective=own)), aggregate=aggregate(healthy=3), affected=(),
    )  # fmt: skip
    given_ = replace(given_, decision=replace(given_.decision, reason="fixed"))
    made = order(given_)
    assert (made.fields["state"], made.fields["close_code"], made.fields["u_cause"]) == (
        "6",
        "Solution provided",
        "cloud",
    )
    assert "all 3 affected resources as healthy" in made.fields["close_notes"]


EVENTS = (
    "part_fixed more_affected risk_raised assigned on_hold resolve_off waived"
    " regression still_unhealthy regression_closed deleted_successor"
)


@pytest.mark.parametrize("name", EVENTS.split())
def test_each_event_has_its_note(name: str) -> None:
    """No event falls through to the general sentence."""
    note = render(source(event(Kind.NOTE, name), link=ticket(source()))).note
    general = render(source(event(Kind.NOTE, "unheard_of"), link=ticket(source()))).note
    assert note
    assert note != general


@pytest.mark.parametrize("reason", ["fixed", "fixed_and_gone", "gone", "mitigated", "waived"])
def test_each_resolve_has_its_close_notes(reason: str) -> None:
    """Close notes tell the reason, not a general sentence."""
    decision = Decision(Kind.RESOLVE, reason, Memo(), fields={"state": "6", "close_code": "x"})
    notes = render(source(decision, link=ticket(source()))).fields["close_notes"]
    assert not notes.startswith("Nothing is open")
