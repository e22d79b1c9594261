"""Absence is no evidence: what hides findings resolves nothing, and what happened meanwhile arrives later."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from common.model.decision import Outcome
from tests.stack import Configuration, Stack
from tests.stack_run import Finished
from tests.stack_running import Kept
from tests.stack_witness import Key

SCOPE, INSIDE, OUTSIDE = "landing-zones", "online", "sandbox"


def _scoped(connections: Configuration, _ready: Mapping[str, str]) -> None:
    connections[0]["scope"] = {"management_groups": [SCOPE]}


def _begin(stack: Stack) -> None:
    stack.go_live()
    stack.assert_right()


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    one = Kept(_begin, findings=2000, configure=_scoped)
    yield one
    one.stop()


@pytest.fixture
def live(kept: Kept, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A connection scoped to a management group with two subscriptions, its tickets right."""
    with kept.use(request) as stack:
        yield stack
        stack.simulator.control("POST", "/limits", {"mode": "none"})


def _subscriptions(live: Stack) -> list[str]:
    """The one with most findings first."""
    sizes: dict[str, int] = {}
    for row in live.rows():
        sizes[row["subscription"]] = sizes.get(row["subscription"], 0) + 1
    return sorted(sizes, key=lambda one: -sizes[one])


def _within(live: Stack, subscription: str, count: int) -> list[Key]:
    """Groups whose open findings all lie in a subscription."""
    live.witness()
    members = live.members()
    some = [key for key, rows in members.items() if {row["subscription"] for row in rows} == {subscription}]
    assert len(some) >= count
    return sorted(some, key=lambda key: (-len(members[key]), key))[:count]


def _ids(live: Stack, key: Key) -> list[str]:
    return [row["id"] for row in live.members()[key]]


def _sync(live: Stack) -> Finished:
    """A sync that reads again at once what did not agree."""
    run = live.ask("live")
    while live.finished(run).record.get("status", "running") == "running":
        live.time_passes()
        time.sleep(0.1)
    return live.finished(run)


def _still(run: Finished) -> None:
    """Both ledgers add up, and no ticket moved."""
    assert run.balanced, run
    moved = (Outcome.CREATED, Outcome.UPDATED, Outcome.RESOLVED, Outcome.REOPENED)
    assert [run.count(outcome) for outcome in moved] == [0, 0, 0, 0], run


@dataclass(frozen=True, slots=True)
class Outage:
    """A way in which a subscription's findings can't be seen, and the reason that is told."""

    reason: str
    begin: Callable[[Stack, str], object]
    end: Callable[[Stack, str], object]
    status: str = "complete"


def _role(stack: Stack, **mode: object) -> None:
    stack.modes(role_lost=mode)


def _back(stack: Stack, _lost: str) -> None:
    stack.modes(role_lost=False)


OUTAGES = {
    "role lost, subscription hidden": Outage(
        "scope_lost", lambda stack, lost: _role(stack, subscriptions=[lost]), _back
    ),
    "role lost, empty answers": Outage(
        "scope_lost",
        lambda stack, lost: _role(stack, subscriptions=[lost], keep_container=True),
        _back,
        "partial",
    ),
    "role lost everywhere": Outage(
        "scope_lost", lambda stack, _: _role(stack, subscriptions="all"), _back, "partial"
    ),
    "role lost everywhere, empty answers": Outage(
        "scope_lost",
        lambda stack, _: _role(stack, subscriptions="all", keep_container=True),
        _back,
        "partial",
    ),
    "moved out of the scope": Outage(
        "scope_lost",
        lambda stack, lost: stack.azure("move_subscription", ids=[lost], to=OUTSIDE),
        lambda stack, lost: stack.azure("move_subscription", ids=[lost], to=INSIDE),
    ),
    "subscription disabled": Outage(
        "subscription_disabled",
        lambda stack, lost: stack.azure("disable_subscription", ids=[lost]),
        lambda stack, lost: stack.azure("enable_subscription", ids=[lost]),
    ),
    "more subscriptions than a query covers": Outage(
        "truncated_result",
        lambda stack, _: stack.simulator.control(
            "POST", "/limits", {"mode": "none", "tenant_subscriptions": 1}
        ),
        lambda stack, _: stack.simulator.control("POST", "/limits", {"mode": "none"}),
        "partial",
    ),
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
def test_what_can_not_be_seen_moves_nothing_and_what_happened_arrives_later(
    live: Stack, outage: Outage
) -> None:
    """One sentence and no write; then a fix is resolved and a regression reopened, none of it twice."""
    lost = max(_subscriptions(live))  # of a cut list the first remains
    fixed, regressed = _within(live, lost, 2)
    ids = {key: _ids(live, key) for key in (fixed, regressed)}
    live.azure("fix", ids=ids[regressed])
    assert live.sync().groups.reasons["resolved:fixed"] == 1
    records = live.simulator.ledger()["records"]
    live.azure("fix", ids=ids[fixed])
    live.azure("unfix", ids=ids[regressed])
    outage.begin(live, lost)

    for _ in range(2):
        without = live.sync()
        _still(without)
        assert without.status == outage.status, without
        told = [reason for reason, _ in without.told]
        holding = (
            "scope_lost",
            "subscription_disabled",
            "truncated_result",
            "evidence_lost",
            "unknown_scope",
        )
        assert [reason for reason in told if reason in holding] == [outage.reason], without

    outage.end(live, lost)
    whole = live.sync()
    assert whole.status == "complete", whole
    assert outage.reason not in whole.reasons
    assert whole.groups.reasons["resolved:fixed"] == 1, whole
    assert whole.groups.reasons["reopened:regression"] == 1, whole
    assert live.simulator.ledger()["records"] == records
    live.assert_right()
    written = live.writes()
    _still(live.sync())
    assert live.writes() == written


def test_a_subscription_that_moves_within_the_scope_is_no_news(live: Stack) -> None:
    """Another management group below the same one: nothing is told, nothing is written."""
    written = live.writes()
    moved = _subscriptions(live)[0]
    for place in ("corp", INSIDE):
        live.azure("move_subscription", ids=[moved], to=place)
        same = live.sync()
        assert same.status == "complete", same
        assert "scope_lost" not in same.reasons
        assert live.writes() == written
    live.assert_right()


def test_a_retired_recommendation_holds_its_tickets(live: Stack) -> None:
    """Its rows are gone and so is its description: held as lost evidence; restored, all goes on."""
    lost = _subscriptions(live)[0]
    fixed, other = _within(live, lost, 2)
    ids, recommendation = _ids(live, fixed), fixed[1][0]
    tickets = [
        t["sys_id"] for t in live.open_tickets() if live.witnesses["demo"].key_of(t)[1][0] == recommendation
    ]
    live.azure("fix", ids=ids)
    live.azure("fix", ids=_ids(live, other))
    live.azure("retire_recommendation", ids=[recommendation])

    first = live.sync()
    assert first.balanced, first
    assert first.groups.reasons["held:evidence_lost"] == len(tickets), first
    assert first.count(Outcome.RESOLVED) == 1, "what has nothing to do with it goes on"
    told = [sentence for reason, sentence in first.told if reason == "evidence_lost"]
    assert 1 <= len(told) <= 2, told  # one for each subscription
    again = live.sync()
    _still(again)
    assert again.count(Outcome.HELD) == len(tickets), again

    live.azure("restore_recommendation", ids=[recommendation])
    whole = live.sync()
    assert whole.status == "complete", whole
    assert whole.groups.reasons["resolved:fixed"] == 1, whole
    assert whole.count(Outcome.HELD) == 0, whole
    live.assert_right()
    _still(live.sync())


def test_changes_in_other_subscriptions_go_on_while_one_is_lost(live: Stack) -> None:
    """A hold on one scope does not stop the rest."""
    lost, other = _subscriptions(live)
    (key,) = _within(live, other, 1)
    _role(live, subscriptions=[lost])
    live.azure("fix", ids=_ids(live, key))
    assert live.sync().groups.reasons["resolved:fixed"] == 1
    _back(live, lost)
    assert live.sync().status == "complete"
    live.assert_right()


MODES = (
    "row_missing",
    "row_twice",
    "results_truncated",
    "case_flips",
    "timestamp_churn",
    "order_churn",
    "risk_path_churn",
)


@pytest.mark.parametrize("mode", MODES)
def test_readings_that_differ_are_no_news(live: Stack, mode: str) -> None:
    """An unchanged world that looks different each time costs no write; a change in it still arrives."""
    written = live.writes()
    live.modes(**{mode: True})
    for _ in range(2):
        again = _sync(live)
        _still(again)
        assert (again.status == "partial") == (mode in ("row_missing", "row_twice", "results_truncated")), (
            again
        )
        assert (
            len([reason for reason, _ in again.told if reason == "inexact"]) <= 2
        )  # one for each subscription
    assert live.writes() == written
    fixed, regressed = _within(live, _subscriptions(live)[0], 2)
    ids = _ids(live, regressed)
    live.azure("fix", ids=[*_ids(live, fixed), *ids])
    _sync(live)
    live.azure("unfix", ids=ids)
    _sync(live)
    live.modes(**{mode: False})
    whole = _sync(live)
    assert whole.status == "complete", whole
    live.assert_right()
    assert live.simulator.ledger()["duplicates"] == 0
    _still(_sync(live))
