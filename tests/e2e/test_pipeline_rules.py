"""Rules that change over thousands of open tickets: nothing is written before a person saw it, counted."""

import os
from collections.abc import Callable, Iterator

import pytest

from common.model.decision import Outcome
from tests.stack import Stack
from tests.stack_rules import PER_RESOURCE_MODEL, ModelRule, Row, rules_text
from tests.stack_run import Finished
from tests.stack_running import running

FINDINGS = 9500 if os.environ.get("ISTHMUS_CHAOS") == "full" else 1500
CAP = 100
WORDS, OTHER_WORDS = "{{ title }} on {{ place }}", "{{ title }} at {{ place }}"
_RULE = """\
  - id: {id}
    when: {{kind: recommendation{severity}}}
    group: [recommendation, resource]
    ticket: {{type: incident, impact: 3, urgency: 3, templates: {{short_description: "{words}"}}}}
"""


def _rule(name: str, severity: str = "", words: str = WORDS) -> str:
    return _RULE.format(id=name, severity=f", severity: [{severity}]" if severity else "", words=words)


def _file(*rules: str) -> str:
    return rules_text(cap=CAP, rules="rules:\n" + "".join(rules))


def _model(name: str, takes: Callable[[Row], bool]) -> ModelRule:
    return ModelRule(name, takes, PER_RESOURCE_MODEL[0].group)


HIGH = _rule("high", "High, Critical")
MODEL = (
    _model("high", lambda row: row["severity"] in ("High", "Critical")),
    _model("each", lambda _row: True),
)
# `each` is renamed and split in two, and `high` comes last.
SPLIT_MODEL = (
    _model("medium", lambda row: row["severity"] == "Medium"),
    _model("low", lambda row: row["severity"] == "Low"),
    MODEL[0],
)
MEDIUM, LOW = _rule("medium", "Medium"), _rule("low", "Low")


@pytest.fixture(scope="module")
def live(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A ticket for each open finding; at most 100 creates or rewrites per rule and run without a person."""
    with running(request, findings=FINDINGS, rules=_file(HIGH, _rule("each")), model=MODEL) as stack:
        stack.go_live()
        stack.assert_right()
        yield stack


def _told(run: Finished) -> str:
    return next((sentence for reason, sentence in run.told if reason == "rules_waiting"), "")


def _tickets_of(live: Stack, rule: str) -> list[str]:
    witness = live.witnesses["demo"]
    return [t["sys_id"] for t in live.open_tickets() if witness.key_of(t)[0] == rule]


@pytest.mark.timeout(300)
def test_a_rule_renamed_split_and_moved_creates_nothing(live: Stack) -> None:
    """Syncs go on with the approved rules; the plan counts; then tickets keep their findings."""
    written, orphaned = live.writes(), len(_tickets_of(live, "each"))
    assert orphaned > CAP
    live.write_rules(_file(MEDIUM, LOW, HIGH))

    waiting = live.sync()
    assert waiting.status == "complete", waiting
    assert "2 new (medium, low), 1 removed (each)" in _told(waiting), waiting
    assert f" {orphaned} open tickets would be without a rule." in _told(waiting)

    planned = live.plan()
    assert planned.balanced, planned
    assert planned.groups.reasons["held:rule_removed"] == orphaned, planned
    assert planned.count(Outcome.HELD) == orphaned
    assert planned.count(Outcome.CREATED) == planned.count(Outcome.RESOLVED) == 0

    assert live.approve(planned.run).creates_released == 0
    live.witnesses["demo"].approved(SPLIT_MODEL)
    for _ in range(2):
        after = live.sync()
        assert after.balanced, after
        assert (after.count(Outcome.CREATED), after.groups.reasons["held:rule_removed"]) == (0, orphaned)
        assert not _told(after)
    assert live.writes() == written
    live.assert_right()

    before = len(live.tickets())
    live.azure("new_finding", count=40, seed=5)
    new = live.sync()
    assert new.balanced, new
    assert new.count(Outcome.CREATED) == len(live.tickets()) - before > 30, new
    assert len(_tickets_of(live, "each")) == orphaned
    assert {live.witnesses["demo"].key_of(t)[0] for t in live.tickets()} >= {"medium", "high"}
    live.assert_right()


def test_when_a_ticket_without_a_rule_is_closed_its_findings_follow_the_rules(live: Stack) -> None:
    """A person closes it: the next sync finds its unchanged findings a ticket by the rules that there are."""
    before = len(live.tickets())
    sys_id = _tickets_of(live, "each")[0]
    live.person("close", sys_id=sys_id)
    first, second = live.sync(), live.sync()
    assert first.groups.reasons["skipped:rule_removed"] == 1, first
    assert second.balanced, second
    assert second.count(Outcome.CREATED) == len(live.tickets()) - before == 1, second
    assert live.ticket(sys_id)["state"] == "7"
    live.assert_right()


@pytest.mark.timeout(300)
def test_a_template_changed_by_one_word_is_held_and_counted(live: Stack) -> None:
    """Nothing before the approval; then as many as were released, each once, though the writer is killed."""
    tickets = _tickets_of(live, "high")
    counts = {t["sys_id"]: int(t["sys_mod_count"]) for t in live.open_tickets()}
    written = live.writes()
    live.write_rules(_file(MEDIUM, LOW, _rule("high", "High, Critical", OTHER_WORDS)))

    waiting = live.sync()
    assert "1 changed (high)" in _told(waiting), waiting
    assert f" {len(tickets)} open tickets would be rewritten." in _told(waiting)

    planned = live.plan()
    assert planned.balanced, planned
    assert planned.groups.reasons["held:cap_rewrite"] == len(tickets) > CAP, planned
    some = live.approve(planned.run, up_to=10)
    assert (some.rewrites_released, some.still_held) == (10, len(tickets) - 10)
    assert live.writes() == written

    first = live.sync()
    assert first.balanced, first
    assert first.groups.reasons["updated:template_changed"] == 10, first
    assert first.groups.reasons["held:cap_rewrite"] == len(tickets) - 10, first
    assert live.writes() == written + 10

    assert live.approve(first.run).rewrites_released == len(tickets) - 10
    batch = live.simulator.barrier("servicenow.table.update", "after", skip=60)
    run = live.ask("live")
    live.simulator.wait_held(batch)
    live.kill("writer")
    live.simulator.release(batch, drop=True)
    live.restart("writer")
    rest = live.finish(run, seconds=90)
    assert rest.balanced, rest
    assert live.sync().count(Outcome.UPDATED) == 0
    now = {t["sys_id"]: t for t in live.open_tickets()}
    assert {int(now[one]["sys_mod_count"]) - counts[one] for one in tickets} == {1}
    assert all(" at " in now[one]["short_description"] for one in tickets)
    live.assert_right()
