"""Two connections on one subscription and one instance: one claims it, the other says so."""

from collections.abc import Iterator, Mapping

import pytest

from common.model.decision import Outcome
from tests.stack import Configuration, Stack
from tests.stack_running import running

OTHER = "other"


def _twice(connections: Configuration, _ready: Mapping[str, str]) -> None:
    connections.append({**connections[0], "id": OTHER, "rules": f"rules/{OTHER}.yaml"})


@pytest.fixture
def two(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Both cover the whole tenant."""
    with running(request, configure=_twice) as stack:
        yield stack


def test_one_connection_claims_and_the_other_says_so(two: Stack) -> None:
    """The second one finds everything claimed: it creates nothing, and no ticket is there twice."""
    two.go_live()
    found = two.assert_right()

    planned = two.plan(OTHER)
    assert "claimed_by" in planned.reasons, planned
    assert planned.count(Outcome.CREATED) == 0
    two.approve(planned.run, OTHER)
    synced = two.sync(OTHER)

    assert synced.balanced, synced
    assert "claimed_by" in synced.reasons
    assert two.tickets(OTHER) == []
    assert two.simulator.ledger()["records"] == found.attempted
    assert two.sync().count(Outcome.CREATED) == 0
    two.assert_right()


def test_both_at_once_share_nothing(two: Stack) -> None:
    """Approved both before either claimed anything, and started together: each finding has one ticket."""
    for name in ("demo", OTHER):
        two.approve(two.plan(name).run, name)
    runs = {name: two.ask("live", name) for name in ("demo", OTHER)}
    for name, run in runs.items():
        assert two.finish(run, name).balanced
    assert two.duplicates() == 0
    keys = [
        two.witnesses[name].key_of(ticket) for name in ("demo", OTHER) for ticket in two.open_tickets(name)
    ]
    by_place = [key for key in keys if len(key[1]) == 2]
    assert len(set(by_place)) == len(by_place)
