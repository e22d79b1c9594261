"""What a connection covers, and what the collector does when that changes. Real Redis, simulated Azure."""

import pytest

from common.state.directory import subscription_of, unit_of
from common.state.store import Fence
from tests.e2e.collector_rig import CONNECTION, Rig

pytest_plugins = ["tests.e2e.collector_fixtures"]
NOWHERE = "00000000-1111-2222-3333-444444444444"


def read(rig: Rig, run: str) -> set[str]:
    """Subscriptions that a run read."""
    return {subscription_of(name) for name, unit in rig.units(run).items() if unit.state == "read"}


def test_a_management_group_stands_for_its_subscriptions(rig: Rig, subscriptions: list[str]) -> None:
    """Everything below it is read, but for what is excluded."""
    joined = [
        one.lower() for _ in range(3) for one in rig.change("add_subscription", to="online", findings=5)
    ]
    rig.scopes[CONNECTION] = {"management_groups": ["online"], "exclude": [joined[0]]}
    rig.configure()
    rig.use()
    rig.run_through("r1", "plan")
    assert set(joined[1:]) <= read(rig, "r1")
    assert joined[0] not in read(rig, "r1")
    named = rig.directory_state.subscriptions()
    assert all("online" in named[one].management_groups for one in read(rig, "r1"))


def test_what_azure_does_not_know_is_told_and_the_rest_goes_on(rig: Rig, subscriptions: list[str]) -> None:
    """A misspelt name fails as a unit of its own, so that the run is not complete."""
    rig.scopes[CONNECTION] = {
        "subscriptions": [subscriptions[0], NOWHERE],
        "management_groups": ["no-such-group"],
    }
    rig.configure()
    rig.use()
    rig.run_through("r1", "plan")
    units = rig.units("r1")
    assert read(rig, "r1") == {subscriptions[0]}
    assert {name for name, unit in units.items() if unit.reason == "unknown_scope"} == {
        f"scope:subscription {NOWHERE}",
        "scope:management group no-such-group",
    }
    assert NOWHERE in " ".join(sentence for _, sentence in rig.runs.told("r1"))


def test_a_scope_that_shows_nothing_is_told(rig: Rig) -> None:
    """No subscription, no unit, one sentence; the run can end."""
    rig.scopes[CONNECTION] = {"management_groups": ["no-such-group"]}
    rig.configure()
    rig.use()
    rig.run_through("r1", "plan")
    assert "empty_scope" in rig.told("r1")
    assert rig.runs.record("r1")["units_planned"] == "1"


def test_a_subscription_that_joins_waits_for_an_approval(rig: Rig, subscriptions: list[str]) -> None:
    """A live run names it and does not read it; a plan reads it, and its approval lets it in."""
    rig.scopes[CONNECTION] = {"management_groups": ["corp"]}
    rig.configure()
    rig.use()
    rig.run_through("plan-1", "plan")
    rig.approve(rig.directory_state.accept_scope("plan-1"))
    rig.run_through("live-1")
    before = read(rig, "live-1")
    joined = rig.change("add_subscription", to="corp", findings=30)[0].lower()
    rig.run_through("live-2")
    assert read(rig, "live-2") == before
    assert joined in rig.told("live-2")["scope_new"]
    rig.run_through("plan-2", "plan")
    assert joined in read(rig, "plan-2")
    rig.approve(rig.directory_state.accept_scope("plan-2"))
    rig.run_through("live-3")
    assert read(rig, "live-3") == before | {joined}


def test_a_lost_role_is_held_once_and_reads_nothing(rig: Rig, subscriptions: list[str]) -> None:
    """200 with no rows is no evidence: the unit fails as scope_lost, whatever else is read."""
    rig.approve()
    rig.run_through("r1")
    rig.mode("role_lost", {"subscriptions": [subscriptions[0]], "keep_container": True})
    rig.run_through("r2")
    lost = rig.units("r2")[unit_of(subscriptions[0])]
    assert (lost.state, lost.reason) == ("failed", "scope_lost")
    assert read(rig, "r2") == set(subscriptions) - {subscriptions[0]}
    assert [reason for reason, _ in rig.runs.told("r2")].count("scope_lost") == 1


def test_a_subscription_out_of_sight_is_told_and_its_claim_kept(rig: Rig, subscriptions: list[str]) -> None:
    """Its unit is not touched, and nobody else may claim it meanwhile."""
    rig.approve()
    rig.run_through("r1")
    rig.mode("role_lost", {"subscriptions": [subscriptions[0]]})
    rig.run_through("r2")
    assert unit_of(subscriptions[0]) not in rig.units("r2")
    assert "1 subscription" in rig.told("r2")["scope_lost"]
    claims = next(iter(rig.store.client.scan_iter("isth:claims:*")))
    assert rig.store.client.hget(claims, subscriptions[0]) == CONNECTION.encode()


def test_everything_lost_is_no_complete_run(rig: Rig) -> None:
    """A run without a single readable subscription, where there were some, ends as partial."""
    rig.approve()
    rig.run_through("r1")
    rig.mode("role_lost", "all")
    rig.run_through("r2")
    assert rig.units("r2")["scope:all"].reason == "scope_lost"


def test_a_shrunken_unit_is_read_once_a_person_accepted_it(rig: Rig, subscriptions: list[str]) -> None:
    """Most of its rows are gone: held, until an approval of that run says that it is right."""
    rig.approve()
    rig.run_through("r1")
    unit = unit_of(subscriptions[0])
    rig.directory_state.put_rows(Fence(rig.epoch), unit, 100_000)
    rig.run_through("r2")
    assert rig.units("r2")[unit].reason == "scope_lost"
    rig.directory_state.accept_scope("r2")
    rig.run_through("r3")
    assert rig.units("r3")[unit].state == "read"


def test_two_connections_share_no_subscription(rig: Rig, subscriptions: list[str]) -> None:
    """The first claims, the second skips and says whose it is; a plan claims nothing."""
    rig.scopes["other"] = {"subscriptions": [subscriptions[0], subscriptions[1]]}
    rig.scopes[CONNECTION] = {"management_groups": ["corp"]}
    rig.change("move_subscription", ids=[subscriptions[0]], to="corp")
    rig.configure()
    rig.use()
    rig.run_through("r1", "plan")
    assert not list(rig.store.client.scan_iter("isth:claims:*"))
    rig.approve()
    rig.run_through("r2")
    mine = read(rig, "r2")
    rig.use("other")
    rig.approve()
    rig.run_through("r3")
    assert read(rig, "r3") == {subscriptions[0], subscriptions[1]} - mine
    shared = mine & {subscriptions[0], subscriptions[1]}
    assert shared, "the world must have them overlap"
    assert CONNECTION in rig.told("r3")["claimed_by"]
    assert rig.directory_state.run_scope("r3").claimed.keys() == shared


def test_a_disabled_subscription_is_not_read(rig: Rig, subscriptions: list[str]) -> None:
    """It is told by its id; nothing is concluded of its findings."""
    rig.change("disable_subscription", ids=[subscriptions[0]])
    rig.run_through("r1", "plan")
    assert subscriptions[0] not in read(rig, "r1")
    assert subscriptions[0] in rig.told("r1")["subscription_disabled"]


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda rig: rig.register.pause("tester"), "paused"),
        (lambda rig: rig.know_links(), "not_approved"),
        (
            lambda rig: (
                rig.register.update(Fence(rig.epoch), {"rebuilt": ""}),
                rig.configure(rules="version: 1\nrules: [{id: X}]"),
            ),
            "rules_invalid",
        ),
    ],
)
def test_a_run_that_may_not_start_says_why(rig: Rig, prepare: object, reason: str) -> None:
    """Its record is there, failed, with a reason and a sentence; nothing is put to work."""
    assert callable(prepare)
    prepare(rig)
    record = rig.start("r1")
    assert (record["status"], record["reason"]) == ("failed", reason)
    assert rig.told("r1")[reason]
    assert rig.queue("plan").size() == 0


def test_doubled_and_outdated_starts_are_harmless(rig: Rig) -> None:
    """A known run id, a current run, a run that is good enough: nothing begins anew."""
    rig.start("r1", "plan")
    put = rig.bodies("plan")
    rig.start("r1", "plan")
    rig.start("r2", "plan", unless_good_since=5)
    assert rig.start("r3", "plan")["reason"] == "already_running"
    assert rig.bodies("plan").keys() == put.keys()
    assert rig.register.current_run() == "r1"
    assert not rig.runs.record("r2")


def test_what_a_run_of_before_a_loss_leaves_does_not_keep_its_namesake_from_starting(rig: Rig) -> None:
    """The scheduler's run ids follow from the clock; somebody may still count requests for the old one."""
    rig.approve()
    rig.runs.add("r1", {"defender_requests": 3})
    assert rig.start("r1")["status"] == "running"


def test_wrong_azure_credentials_fail_the_run_with_a_reason(rig: Rig) -> None:
    """The sentence names Entra's code and never the secret; the sign-in gauge falls."""
    rig.secret.write_text("wrong-secret")
    rig.use()
    rig.start("r1", "plan")
    rig.work("plan")
    record = rig.runs.record("r1")
    assert (record["status"], record["reason"]) == ("failed", "signin_refused")
    assert "AADSTS" in rig.told("r1")["signin_refused"]
    assert "wrong-secret" not in rig.told("r1")["signin_refused"]


def test_a_secret_that_is_replaced_meanwhile_is_read_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """No restart: after a refusal the clients are built again with the mounted file's new content."""
    monkeypatch.setattr("services.collector.stage.wait_after", lambda _: 0.05)
    mounted = rig.directory / "servicenow.secret"
    right = mounted.read_text()
    mounted.write_text("wrong-secret")
    before = rig.collector._context.clients.of(rig.connection)
    mounted.write_text(right)
    rig.start("r1", "plan")
    rig.work("tickets")
    assert rig.runs.record("r1")["tickets_read"] == "1"
    assert rig.collector._context.clients.of(rig.connection) is not before


def test_a_wrong_servicenow_secret_fails_the_run_at_once(rig: Rig) -> None:
    """Trying again would lock the account: one refusal, one sentence."""
    (rig.directory / "servicenow.secret").write_text("wrong-secret")
    rig.use()
    rig.start("r1", "plan")
    rig.work("tickets")
    record = rig.runs.record("r1")
    assert (record["status"], record["reason"]) == ("failed", "signin_refused")
    assert int(record["servicenow_requests"]) == 1
