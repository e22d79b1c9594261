"""Plan, approve, sync: the whole way from Resource Graph to incidents, through real processes."""

from common.model.decision import Outcome
from common.state import keys
from tests.stack import CONNECTION, Stack

pytest_plugins = ["tests.e2e.pipeline_fixtures"]


def test_a_plan_writes_nothing_and_nothing_is_written_before_it_is_approved(stack: Stack) -> None:
    """A plan leaves ServiceNow, links and groups as they are, and a sync before the approval is refused."""
    planned = stack.plan()

    assert planned.status == "planned", planned
    assert planned.balanced, planned
    assert planned.count(Outcome.CREATED) == len(stack.due())
    assert stack.simulator.ledger()["records"] == 0
    assert stack.client.hlen(keys.links(CONNECTION)) == 0
    assert not list(stack.client.scan_iter(f"isth:{CONNECTION}:g:*", count=1000))

    refused = stack.sync()
    assert (refused.status, refused.record["reason"]) == ("failed", "not_approved"), refused
    assert stack.writes() == 0


def test_the_first_sync_creates_each_ticket_once_and_later_ones_write_nothing(stack: Stack) -> None:
    """Every group gets its ticket, the ledgers add up, and an unchanged world costs no write."""
    planned = stack.plan()
    stack.approve(planned.run)
    first = stack.sync()

    assert first.status == "complete", first
    assert first.balanced, first
    found = stack.assert_right()
    assert first.count(Outcome.CREATED) == planned.count(Outcome.CREATED) == found.attempted > 20
    written = stack.writes()
    assert written == found.attempted

    for _ in range(2):
        again = stack.sync()
        assert again.status == "complete", again
        assert again.balanced, again
        assert stack.writes() == written, again
        assert again.findings == first.findings
    stack.assert_right()


def test_every_finding_is_in_the_first_ledger(live: Stack) -> None:
    """What was read equals what Azure has; what matched equals the members of all tickets."""
    rows = live.rows()
    again = live.sync()

    assert again.findings.read == len(rows)
    assert again.findings.malformed == again.findings.repeated == 0
    assert sum(again.findings.skipped.values()) + again.findings.matched == len(rows)
