"""render: the texts of a ticket, in which text from Defender stays data."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.identity import parse_footer
from common.model.decision import Decision, Kind
from common.model.finding import Recommendation, Severity
from common.model.group import GroupFacts
from services.mapper.decide import Reason
from services.mapper.render import Rendered, affected_of, render
from services.mapper.render_csv import affected_csv
from services.mapper.render_orders import orders
from services.mapper.render_text import cut, one_line, plain
from tests.rendering import (
    FENCE,
    RECOMMENDATION,
    TITLE,
    event,
    order,
    some,
    source,
    ticket,
)
from tests.worlds import GROUP_FACTS, aggregate, finding, rule


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


def test_csv_says_how_many_are_left_out() -> None:
    """Its last line, only where there is more than it lists."""
    lines = list(csv.reader(io.StringIO(affected_csv(some(2), 25_000))))
    assert lines[-1][0] == "and 25000 more that are not listed here"
    assert {len(line) for line in lines} == {6}
    assert len(list(csv.reader(io.StringIO(affected_csv(some(2)))))) == 3


def test_rendered_without_problem_is_the_default() -> None:
    """An empty rendering writes nothing."""
    given_ = source(event(Kind.NOTE), link=ticket(source()))
    made = orders(given_, Rendered(), FENCE)
    assert isinstance(made, Decision)
    assert made.kind is Kind.UNCHANGED
