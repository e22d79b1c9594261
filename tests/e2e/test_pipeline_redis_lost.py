"""Redis lost after a first sync: links come back from the tickets, and no ticket is made twice."""

import time

from common.model.decision import Outcome
from tests.stack import Stack

pytest_plugins = ["tests.e2e.pipeline_fixtures"]
WORDS = {"short_description": "Mine, from before the loss"}


def test_an_unchanged_world_is_left_alone_after_a_loss(live: Stack) -> None:
    """Links are rebuilt from correlation ids, stamps and footers: nothing is created and nothing written."""
    written = live.writes()
    live.flush_redis()

    rebuilt = live.sync()

    assert rebuilt.balanced, rebuilt
    assert "state_lost" in rebuilt.reasons
    assert rebuilt.count(Outcome.CREATED) == 0, rebuilt
    assert live.writes() == written, rebuilt
    live.assert_right()


def test_updates_and_resolves_heal_and_creates_wait_for_a_person(live: Stack) -> None:
    """What was fixed meanwhile is resolved, a person's words are kept, new tickets wait for an approval."""
    members = live.members()
    whole, part, edited, *_ = sorted(members, key=lambda key: -len(members[key]))
    live.person("edit", sys_id=live.ticket_of(edited)["sys_id"], fields=WORDS)
    live.sync()
    live.azure("new_finding", count=150, seed=5)
    live.due()
    members = live.members()
    live.azure("fix", ids=[row["id"] for row in members[whole]])
    live.azure("fix", ids=[row["id"] for row in members[part][:1]])
    live.azure("fix", ids=[row["id"] for row in members[edited][:1]])
    have = {live.witnesses["demo"].key_of(ticket) for ticket in live.tickets()}
    owed = live.due() - have
    assert owed
    live.flush_redis()

    rebuilt = live.sync()

    assert rebuilt.balanced, rebuilt
    assert rebuilt.count(Outcome.CREATED) == 0, rebuilt
    assert rebuilt.groups.reasons["held:state_lost"] == len(owed), rebuilt
    assert live.ticket_of(whole)["state"] == "6", rebuilt
    assert live.writes() > 0
    assert live.witness().lost == len(owed)

    again = live.sync()
    assert again.count(Outcome.CREATED) == 0, again
    released = live.approve(again.run if again.count(Outcome.HELD) else rebuilt.run)
    assert released.creates_released == len(owed)
    after = live.sync()
    assert after.count(Outcome.CREATED) == len(owed), after
    live.assert_right()


def test_a_loss_in_the_middle_of_the_first_sync_doubles_nothing(stack: Stack) -> None:
    """Everything in Redis goes while a create is held at ServiceNow; a later approval completes it."""
    stack.approve(stack.plan().run)
    batch = stack.simulator.barrier("servicenow.table.create", "after", skip=10)
    stack.ask("live")
    stack.simulator.wait_held(batch)
    stack.flush_redis()
    stack.simulator.release(batch)

    rebuilt = stack.sync()

    assert rebuilt.balanced, rebuilt
    assert rebuilt.count(Outcome.CREATED) == 0, rebuilt
    stack.approve(rebuilt.run)
    assert stack.sync().status == "complete"
    stack.assert_right()


def test_another_loss_before_the_approval_is_endured(live: Stack) -> None:
    """Two losses in a row end as one does."""
    written = live.writes()
    for _ in range(2):
        live.flush_redis()
        assert live.sync().balanced
    assert live.writes() == written
    live.assert_right()


def test_no_unit_is_read_before_the_links_are_rebuilt(live: Stack) -> None:
    """A fix from before the loss is still seen, though the tickets come late."""
    members = live.members()
    key = max(members, key=lambda one: len(members[one]))
    live.azure("fix", ids=[row["id"] for row in members[key]])
    tickets = live.simulator.barrier("servicenow.table.list", "before", subject="incident")
    live.flush_redis()
    run = live.ask("live")
    live.simulator.wait_held(tickets)
    time.sleep(1)
    assert "planned" not in live.runs().record(run)
    live.simulator.release(tickets)

    rebuilt = live.finish(run)

    assert rebuilt.groups.reasons["resolved:fixed"] == 1, rebuilt
    live.assert_right()
