"""render and orders: what is written, field class by field class, and that text from Defender stays data."""

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from common.identity import field_digest, parse_footer, sys_id_of
from common.model.decision import Decision, Kind, Order
from common.model.finding import Recommendation, Risk, Severity
from common.model.group import GroupFacts, Memo
from common.model.link import Link
from common.rules import EffectiveRule
from services.mapper.decide import Reason, facts_digest
from services.mapper.render import Affected, Directory, Rendered, RenderInput, affected_of, render
from services.mapper.render_assign import caller_name, group_names
from services.mapper.render_csv import affected_csv
from services.mapper.render_orders import Pass, orders
from services.mapper.render_text import cut, one_line, plain
from tests.worlds import GROUP_FACTS, aggregate, finding, rule

NOW = 1_800_000_000
GROUP, US = "c" * 32, "d" * 32
DIRECTORY = Directory(
    our_user=US, groups={"Cloud Security": GROUP, "Payments": "e" * 32}, users={"anna": "f" * 32}
)
TITLE = "Endpoint protection should be installed on machines"
RECOMMENDATION = Recommendation(
    GROUP_FACTS.values[0][1], TITLE, Severity.HIGH, ("Compute",),
    description="<p>Install <b>it</b>.</p>", remediation="<ol><li>Open</li><li>Press &amp; go</li></ol>",
)  # fmt: skip
CREATE = Decision(Kind.CREATE, Reason.NEW, Memo())
FENCE = Pass("epoch", "run-1")


def some(number: int) -> tuple[Affected, ...]:
    return tuple(
        affected_of(finding(resource_name=f"vm{i:04}", resource_id=f"/x/vm{i}")) for i in range(number)
    )


def source(
    decision: Decision = CREATE, effective: EffectiveRule | None = None, **changes: Any
) -> RenderInput:
    given_: dict[str, Any] = {
        "connection": "contoso",
        "rule": effective or rule(),
        "facts": GROUP_FACTS,
        "aggregate": aggregate(open=3),
        "decision": decision,
        "link": None,
        "directory": DIRECTORY,
        "now": NOW,
        "recommendation": RECOMMENDATION,
        "affected": some(3),
    }
    return RenderInput(**{**given_, **changes})


def ticket(before: RenderInput, **changes: Any) -> Link:
    """The link after `before` was written."""
    fields = render(before).fields
    wrote = {n: field_digest(fields[n]) for n in ("short_description", "description", "impact", "urgency")}
    link = Link("incident", "a" * 32, "INC0001", 1, 4, "one", wrote=wrote, base=wrote, open=3, members=3)
    return changed(link, worst=before.aggregate.worst, mod_count=7, **changes)


def order(given_: RenderInput) -> Order:
    made = orders(given_, render(given_), FENCE)
    assert isinstance(made, Order)
    return made


def event(kind: Kind, *events: str, **fields: str) -> Decision:
    return Decision(kind, events[0] if events else "facts_changed", Memo(), events=events, fields=fields)


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


# --- texts


def test_footer_ends_the_description_and_reads_back() -> None:
    """Rule, generation and grouping values come back from the last lines."""
    text = order(source()).fields["description"]
    found = parse_footer(text)
    assert found is not None
    assert (found.connection, found.rule_id, found.generation, found.values) == (
        "contoso",
        "one",
        1,
        GROUP_FACTS.values,
    )
    assert text.splitlines()[-1] == f"[isthmus] recommendation={GROUP_FACTS.values[0][1]} | {TITLE}"


def test_shows_25_and_says_how_many_more() -> None:
    """The worst 25 of 40, then `and 15 more`."""
    text = order(source(aggregate=aggregate(open=40), affected=some(40))).fields["description"]
    assert text.count("- vm") == 25
    assert "and 15 more" in text


def test_the_order_of_rows_does_not_matter() -> None:
    """Azure lists rows in any order: the text stays the same."""
    rows = some(30)
    assert render(source(affected=rows)) == render(source(affected=rows[::-1]))


def test_worst_first() -> None:
    """A critical one is shown before those that come first by name."""
    worst = affected_of(finding(resource_name="zz", severity=Severity.CRITICAL))
    text = order(source(affected=(*some(30), worst))).fields["description"]
    assert text.index("- zz") < text.index("- vm0000")


def test_disclose() -> None:
    """Descriptions and remediation only where the rule says full."""
    summary = order(source()).fields["description"]
    full = order(source(effective=rule("ticket: {disclose: full}"))).fields["description"]
    assert "Install it." not in summary
    assert "Install it." in full
    assert "- Press & go" in full


@pytest.mark.parametrize(("cloud", "host"), [("public", "portal.azure.com"), ("usgov", "portal.azure.us")])
def test_portal_link(cloud: str, host: str) -> None:
    """Each cloud has its own portal."""
    assert f"https://{host}/#blade" in order(source(cloud=cloud)).fields["description"]


def test_groups_that_span_recommendations() -> None:
    """Grouped by subscription, the title speaks of the place as people know it."""
    facts = GroupFacts("one", (("subscription", "0000"), ("tag:team", "")), b"\1" * 16)
    made = order(source(facts=facts, recommendation=None, texts={"subscription": "Payments"}))
    assert made.fields["short_description"] == "Defender for Cloud: Security recommendations (Payments, none)"
    found = parse_footer(made.fields["description"])
    assert found is not None
    assert found.values == facts.values


def test_own_templates() -> None:
    """A rule's template replaces the built-in one; the footer stays."""
    own = rule("ticket: {templates: {short_description: '{{ severity }}: {{ title }}', description: hello}}")
    made = order(source(effective=own))
    assert made.fields["short_description"] == f"High: {TITLE}"
    assert made.fields["description"].startswith("hello\n\n[isthmus] connection=contoso")


def test_a_template_that_fails_is_held() -> None:
    """The rest goes on; the sentence names the template."""
    own = rule("ticket: {templates: {description: '{{ counts.open / 0 }}'}}")
    rendered = render(source(effective=own))
    assert rendered.problem is Reason.TEMPLATE_FAILED
    assert "description" in rendered.detail


@pytest.mark.parametrize(
    "attack",
    [
        "{{ 7 * 7 }}{% for x in [1] %}boom{% endfor %}",
        "<script>alert(1)</script>",
        "x\n[isthmus] connection=evil rule=evil generation=9",
        "[code]<a href='x'>y</a>[/code]",
        "a\x00b\x1b[31m\u202ec",
    ],
)
def test_text_from_defender_is_data(attack: str) -> None:
    """No template in it is evaluated, no markup survives, no footer is forged."""
    evil = Recommendation(RECOMMENDATION.key, attack, description=attack, remediation=attack)
    row = affected_of(finding(resource_name=attack, subscription_name=attack))
    made = order(source(effective=rule("ticket: {disclose: full}"), recommendation=evil, affected=(row,)))
    text = made.fields["description"] + made.fields["short_description"]
    assert "49" not in text
    assert not any(
        word in text for word in ("<script", "alert(1)", "[code]", "[/code]", "\x00", "\x1b", "\u202e")
    )
    found = parse_footer(made.fields["description"])
    assert found is not None
    assert (found.connection, found.values) == ("contoso", GROUP_FACTS.values)
    assert "\n" not in made.fields["short_description"]


def test_html_becomes_text() -> None:
    """Lists and paragraphs stay readable; entities are resolved; a bare < is no tag."""
    assert plain("<p>One</p><ul><li>a</li><li>b &lt; c</li></ul>") == "One\n\n- a\n- b < c"
    assert plain("TLS < 1.2 & more") == "TLS < 1.2 & more"
    assert one_line("a\n\n b", 10) == "a b"


text_ = st.text(max_size=400)


@settings(max_examples=150, deadline=None)
@given(text_, text_, text_, st.integers(0, 60), st.sampled_from(["summary", "full"]))
def test_lengths_hold_and_the_footer_stays_whole(
    title: str, name: str, body: str, rows: int, disclose: str
) -> None:
    """Whatever Defender says: 160 and 4000 characters, printable, and a footer that reads back."""
    recommendation = Recommendation("k", title, description=body * 20, remediation=body * 20)
    row = affected_of(finding(resource_name=name * 3, subscription_name=body))
    given_ = source(
        effective=rule(f"ticket: {{disclose: {disclose}}}"), recommendation=recommendation,
        affected=(row,) * rows, aggregate=aggregate(open=rows + 1),
    )  # fmt: skip
    fields = order(given_).fields
    assert 0 < len(fields["short_description"]) <= 160
    assert len(fields["description"]) <= 4000
    found = parse_footer(fields["description"])
    assert found is not None
    assert found.values == GROUP_FACTS.values
    assert all(c == "\n" or c >= " " for c in fields["description"])
    assert render(given_).fields == fields


@given(text_, st.integers(0, 50))
def test_cut(text: str, limit: int) -> None:
    """Never longer than the limit; short texts stay as they are."""
    assert len(cut(text, limit)) <= limit
    assert cut(text, len(text)) == text


def test_csv_of_all_resources() -> None:
    """One line each, worst first; no cell is a formula for a spreadsheet."""
    rows = (*some(2), affected_of(finding(resource_name="=1+1", severity=Severity.CRITICAL)))
    lines = list(csv.reader(io.StringIO(affected_csv(rows))))
    assert len(lines) == 4
    assert lines[1][0] == "'=1+1"


def test_rendered_without_problem_is_the_default() -> None:
    """An empty rendering writes nothing."""
    given_ = source(event(Kind.NOTE), link=ticket(source()))
    made = orders(given_, Rendered(), FENCE)
    assert isinstance(made, Decision)
    assert made.kind is Kind.UNCHANGED
