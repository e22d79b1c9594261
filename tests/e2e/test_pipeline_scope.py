"""Absence is not evidence: lost roles, rows that come twice or not at all, ids that change their case."""

import pytest

from common.model.decision import Outcome
from tests.stack import Stack

pytest_plugins = ["tests.e2e.pipeline_fixtures"]


def _subscription(live: Stack) -> str:
    """The one with most findings that have a ticket."""
    sizes: dict[str, int] = {}
    for rows in live.members().values():
        for row in rows:
            sizes[row["subscription"]] = sizes.get(row["subscription"], 0) + 1
    return max(sizes, key=lambda one: sizes[one])


@pytest.mark.parametrize("hidden", [True, False], ids=["subscription_hidden", "empty_answers"])
def test_a_lost_role_resolves_nothing_and_is_told_once(live: Stack, hidden: bool) -> None:
    """Answers of 200 with nothing: no ticket moves, one sentence; when the role is back nothing changes."""
    written = live.writes()
    lost = _subscription(live)
    live.modes(role_lost={"subscriptions": [lost], "keep_container": not hidden})

    for _ in range(2):
        without = live.sync()
        assert without.balanced, without
        assert [reason for reason, _ in without.told].count("scope_lost") == 1, without
        assert without.count(Outcome.RESOLVED) == without.count(Outcome.UPDATED) == 0, without
        assert live.writes() == written

    live.modes(role_lost=False)
    whole = live.sync()
    assert whole.status == "complete", whole
    assert "scope_lost" not in whole.reasons
    assert live.writes() == written, whole
    live.assert_right()


def test_a_role_lost_everywhere_resolves_nothing(live: Stack) -> None:
    """Nothing can be read at all: such a run is not complete, and nothing moves."""
    written = live.writes()
    live.modes(role_lost="all")
    without = live.sync()
    assert without.status != "complete", without
    assert live.writes() == written
    live.modes(role_lost=False)
    assert live.sync().status == "complete"
    assert live.writes() == written
    live.assert_right()


def test_changes_in_other_subscriptions_go_on_while_one_is_lost(live: Stack) -> None:
    """A hold on one scope does not stop the rest."""
    lost = _subscription(live)
    other = [row for rows in live.members().values() for row in rows if row["subscription"] != lost]
    live.modes(role_lost={"subscriptions": [lost]})
    live.azure("fix", ids=[row["id"] for row in other])
    synced = live.sync()
    assert synced.balanced, synced
    assert synced.count(Outcome.RESOLVED) + synced.count(Outcome.UPDATED) > 0, synced
    live.assert_right()


MODES = ("row_missing", "row_twice", "case_flips", "timestamp_churn", "order_churn", "risk_path_churn")


def test_what_is_no_news_writes_nothing(live: Stack) -> None:
    """Readings of an unchanged world that looks different each time: no write."""
    written = live.writes()
    for mode in MODES:
        live.modes(**{mode: True})
        for _ in range(2):
            again = live.sync()
            assert again.balanced, (mode, again)
            assert live.writes() == written, (mode, again)
        live.modes(**{mode: False})
    assert live.sync().status == "complete"
    assert live.writes() == written
    live.assert_right()


def test_a_truncated_answer_resolves_nothing(live: Stack) -> None:
    """`resultTruncated` in a 200: the unit is not exact, so nothing that is missing counts as gone."""
    written = live.writes()
    live.modes(results_truncated=True)
    cut = live.sync()
    assert cut.status == "partial", cut
    assert live.writes() == written
    live.modes(results_truncated=False)
    assert live.sync().status == "complete"
    assert live.writes() == written
    live.assert_right()


def test_what_is_retired_moved_or_disabled_resolves_nothing(live: Stack) -> None:
    """A recommendation retired, a subscription moved below another group, another one disabled."""
    recommendation = next(iter(sorted(live.members())))[1][0]
    one, *others = sorted({row["subscription"] for row in live.rows()})
    live.azure("retire_recommendation", ids=[recommendation])
    live.azure("move_subscription", ids=[one], to="online")
    live.azure("disable_subscription", ids=others)

    synced = live.sync()

    assert synced.balanced, synced
    assert synced.count(Outcome.RESOLVED) == synced.count(Outcome.CREATED) == 0, synced
    assert len(live.open_tickets()) == len(live.tickets())
