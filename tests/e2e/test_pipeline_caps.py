"""Caps hold as a whole, and an approval releases the worst first."""

from collections.abc import Iterator

import pytest

from common.model.decision import Outcome
from tests.stack import Stack
from tests.stack_rules import Row, rules_text
from tests.stack_running import running
from tests.stack_witness import Key, groups_by_rule

CAP = 5
_SEVERITIES = (None, "Low", "Medium", "High", "Critical")
_RISKS = (None, "None", "Low", "Medium", "High", "Critical")


@pytest.fixture
def capped(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """At most five creates per rule and run."""
    with running(request, rules=rules_text(cap=CAP)) as stack:
        yield stack


def _rank(row: Row) -> tuple[int, int]:
    """Worse is larger: the higher of severity and risk first, then the risk (docs/rules.md)."""
    risk = _RISKS.index(row["risk"])
    return max(_SEVERITIES.index(row["severity"]), risk - 1), risk


def test_a_cap_holds_all_that_it_counts_until_a_person_releases_the_worst(capped: Stack) -> None:
    """More than five of a rule: none is created. `approve --up-to` releases so many, the worst first."""
    planned = capped.plan()
    due = capped.witnesses["demo"].expected(capped.rows(), capped.simulator.tickets())
    by_rule = groups_by_rule(due)
    free = sum(count for count in by_rule.values() if count <= CAP)
    held = sum(count for count in by_rule.values() if count > CAP)
    assert held > CAP
    assert planned.balanced, planned
    released = capped.approve(planned.run, up_to=0)
    assert released.still_held == held

    first = capped.sync()
    assert first.balanced, first
    assert (first.count(Outcome.CREATED), first.count(Outcome.HELD)) == (free, held), first

    assert capped.approve(first.run, up_to=3).creates_released == 3
    second = capped.sync()
    assert (second.count(Outcome.CREATED), second.count(Outcome.HELD)) == (3, held - 3), second
    _worst_first(capped, second.run)

    assert capped.approve(second.run).creates_released == held - 3
    third = capped.sync()
    assert third.count(Outcome.CREATED) == held - 3, third
    capped.assert_right()


def _worst_first(capped: Stack, run: str) -> None:
    """No group that waits is worse than one that was released."""
    capped.witness()
    have = {capped.witnesses["demo"].key_of(ticket) for ticket in capped.tickets()}
    worst: dict[Key, tuple[int, int]] = {
        key: max(_rank(row) for row in rows) for key, rows in capped.members().items()
    }
    over = {key[0] for key in worst if key not in have}
    released = [rank for key, rank in worst.items() if key in have and key[0] in over]
    waiting = [rank for key, rank in worst.items() if key not in have]
    assert len(released) == 3, run
    assert min(released) >= max(waiting)


def test_a_rejected_run_stays_held(capped: Stack) -> None:
    """Nothing that a cap held is created by later syncs without an approval."""
    capped.approve(capped.plan().run, up_to=0)
    first = capped.sync()
    again = capped.sync()
    assert again.count(Outcome.CREATED) == 0, again
    assert capped.simulator.ledger()["records"] == first.count(Outcome.CREATED)
