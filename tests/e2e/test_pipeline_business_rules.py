"""Business rules that rewrite our fields, also as our own user: no tug of war (promise 6)."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from common.model.decision import Outcome
from tests.stack import Stack
from tests.stack_running import Kept

SYNCS = 10


def _begin(stack: Stack) -> None:
    stack.go_live()
    stack.assert_right()


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    one = Kept(_begin)
    yield one
    one.stop()


@pytest.fixture
def live(kept: Kept, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A live connection whose tickets are right, without business rules."""
    with kept.use(request) as stack:
        yield stack
        stack.modes(rule_rewrites_field=None)


def _counts(live: Stack) -> dict[str, int]:
    return {ticket["sys_id"]: int(ticket["sys_mod_count"]) for ticket in live.tickets()}


def _change_facts(live: Stack) -> list[str]:
    """One finding of each larger group fixed, or if none is left to fix, all back again."""
    live.witness()
    ids = [rows[0]["id"] for rows in live.members().values() if len(rows) > 1]
    changed = live.azure("fix", ids=ids)
    synced = live.sync()
    assert synced.balanced, synced
    assert synced.count(Outcome.UPDATED) == len(ids) > 3, synced
    return changed


def _wait_rewritten(live: Stack, field: str, suffix: str, count: int) -> None:
    """Until the business rule has rewritten so many tickets."""
    ends = time.monotonic() + 20
    while sum(ticket[field].endswith(suffix) for ticket in live.tickets()) < count:
        assert time.monotonic() < ends, "the business rule did not run"
        time.sleep(0.05)


RULES: Mapping[str, Mapping[str, Any]] = {
    "in our write, short": {"field": "short_description", "suffix": " [a]"},
    "in our write, long": {"field": "description", "suffix": " [b]"},
    "a moment later": {"field": "description", "suffix": " [c]", "async": True, "delay": 0.2},
    "later than the next sync": {"field": "short_description", "suffix": " [d]", "async": True, "delay": 3},
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_ten_syncs_of_an_unchanged_world_leave_rewritten_tickets_alone(
    live: Stack, rule: Mapping[str, Any]
) -> None:
    """Counted after the rule's first rewrite, no ticket is written twice, and new facts still arrive."""
    live.modes(rule_rewrites_field=dict(rule))
    changed = _change_facts(live)
    if rule.get("delay", 0) > 1:
        assert live.sync().balanced  # settles on our value, which is then rewritten
    _wait_rewritten(live, rule["field"], rule["suffix"], len(changed))
    before = _counts(live)
    for _ in range(SYNCS):
        again = live.sync()
        assert again.balanced, again
        assert again.status == "complete", again
    after = _counts(live)
    assert max(after[one] - before[one] for one in before) <= 1
    assert after == before  # not even once: what stands there is the base from the first sync on
    live.assert_right()

    live.azure("unfix", ids=changed)
    assert live.sync().count(Outcome.UPDATED) == len(changed)
    live.assert_right()


def _as_our_user(live: Stack, sys_id: str, text: str) -> None:
    """What a business rule that runs as our user does, at this moment."""
    change = {"op": "edit", "sys_id": sys_id, "fields": {"description": text}}
    user = live.simulator.ready["servicenow_user"]
    live.simulator.control("POST", "/servicenow/change", {**change, "as": user})


def test_a_field_that_is_changed_back_twice_is_given_up_and_told(live: Stack) -> None:
    """After the second time it is the instance's: told once, not written any more, the rest goes on."""
    live.witness()
    members = live.members()
    key = max(members, key=lambda one: (len(members[one]), one))
    sys_id = live.ticket_of(key)["sys_id"]
    old = live.ticket(sys_id)["description"]
    told = []
    for turn in range(2):
        live.azure("fix", ids=[members[key][turn]["id"]])
        assert live.sync().count(Outcome.UPDATED) == 1
        live.sync()  # settled: what we wrote stands there
        _as_our_user(live, sys_id, old)
        told.append([sentence for reason, sentence in live.sync().told if reason == "field_given_up"])
    assert told[0] == []
    assert len(told[1]) == 1
    assert f"description of 1 tickets ({live.ticket(sys_id)['number']} first)" in told[1][0]

    live.azure("fix", ids=[row["id"] for row in members[key][2:-1]])
    last = live.sync()
    assert last.balanced, last
    assert "field_given_up" not in last.reasons
    assert live.ticket(sys_id)["description"] == old
    live.azure("fix", ids=[members[key][-1]["id"]])
    assert live.sync().count(Outcome.RESOLVED) == 1
    assert live.ticket(sys_id)["state"] == "6"
    live.assert_right()
