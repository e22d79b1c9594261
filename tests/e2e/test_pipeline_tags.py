"""Tags of resources, resource groups and subscriptions decide rule, group and assignment."""

from collections.abc import Iterator

import pytest

from common.model.decision import Outcome
from tests.stack import Stack
from tests.stack_rules import ModelRule, Row, rules_text
from tests.stack_running import running

RULES = """\
rules:
  - id: owned
    when: {kind: recommendation, cloud: [azure], tags: {owner_group: "*"}}
    group: [tag:owner_group]
    ticket: {type: incident, impact: 3, urgency: 3, assign: [tag:owner_group]}
  - {id: rest, when: {}, skip: below_threshold}
"""
SHOWN = 25  # resources in a description; the rest is in a file


def owner(row: Row) -> str:
    """The nearest owner_group: the resource's, its group's, its subscription's."""
    tags = {**row["subscription_tags"], **row["group_tags"], **row["tags"]}
    return str(tags.get("owner_group", "")).lower()


MODEL = (
    ModelRule(
        "owned", lambda row: row["source"] == "Azure" and bool(owner(row)), (("tag:owner_group", owner),)
    ),
)


@pytest.fixture(scope="module")
def live(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """One ticket for each owner, after the first sync."""
    with running(request, findings=1500, rules=rules_text(rules=RULES), model=MODEL) as stack:
        first = stack.go_live()
        assert first.status == "complete", first
        assert first.balanced, first
        yield stack


def test_each_owner_has_one_ticket_and_an_unchanged_world_costs_nothing(live: Stack) -> None:
    """The witness, who reads tags by itself, agrees; later syncs write nothing."""
    found = live.assert_right()
    assert found.attempted > 3
    written = live.writes()
    assert live.sync().groups.touched == 0
    assert live.writes() == written


def test_the_owner_is_assigned_where_the_instance_knows_the_group(live: Stack) -> None:
    """A tag that names a group of the instance assigns it, any other falls to the group of last resort."""
    rows = live.simulator.rows("/servicenow/tickets?table=sys_user_group")
    groups = {row["name"].lower(): row["sys_id"] for row in rows}
    witness = live.witnesses["demo"]
    assigned = {witness.key_of(t)[1][0]: t["assignment_group"] for t in live.open_tickets()}
    assert assigned == {name: groups.get(name, groups["cloud security"]) for name in assigned}
    assert len(set(assigned.values())) > 2


def test_long_lists_of_resources_are_attached(live: Stack) -> None:
    """Tickets with more resources than their description shows have a file with all of them, others none."""
    members = live.members()
    witness = live.witnesses["demo"]
    tickets = {t["sys_id"]: len(members[witness.key_of(t)]) for t in live.open_tickets()}
    files = [row["table_sys_id"] for row in live.simulator.rows("/servicenow/tickets?table=sys_attachment")]
    assert sorted(files) == sorted(sys_id for sys_id, count in tickets.items() if count > SHOWN)
    assert files


def test_a_finding_whose_owner_is_new_gets_a_ticket_of_its_own(live: Stack) -> None:
    """New findings join their owner's ticket by the tags of their resources."""
    live.azure("new_finding", count=30, seed=4)
    synced = live.sync()
    assert synced.balanced, synced
    assert synced.count(Outcome.UPDATED) + synced.count(Outcome.CREATED) > 1, synced
    live.assert_right()
