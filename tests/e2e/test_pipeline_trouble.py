"""Trouble on either side: a typed reason and a sentence, nothing created or resolved by mistake."""

import time
from collections.abc import Iterator, Mapping

import pytest

from common.model.decision import Outcome
from tests.stack import Configuration, Stack
from tests.stack_running import running

pytest_plugins = ["tests.e2e.pipeline_fixtures"]
NOWHERE = "00000000-1111-2222-3333-444444444444"


@pytest.mark.parametrize("side", ["azure", "servicenow"])
def test_a_wrong_secret_is_told_and_a_right_one_heals(live: Stack, side: str) -> None:
    """The run ends with the reason; the replaced secret is read without a restart."""
    written = live.writes()
    ready = live.simulator.ready
    right = ready["client_secret"] if side == "azure" else ready["servicenow_client_secret"]
    members = live.members()
    key = max(members, key=lambda one: len(members[one]))
    live.azure("fix", ids=[row["id"] for row in members[key]])
    live.write_secret(side, "wrong")
    for name in ("collector", "writer"):
        live.kill(name)
        live.restart(name)

    refused = live.sync()

    assert refused.status == "failed", refused
    assert "signin" in refused.record["reason"] or "secret" in str(refused.told), refused
    assert refused.told, refused
    assert "wrong" not in str(refused.told)
    assert live.writes() == written

    live.write_secret(side, right)
    healed = live.sync()
    assert healed.status == "complete", healed
    live.assert_right()


def _one_too_many(connections: Configuration, _ready: Mapping[str, str]) -> None:
    connections[0]["scope"] = {**connections[0]["scope"], "subscriptions": [NOWHERE]}


@pytest.fixture
def mistaken(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A scope that names a subscription that nobody knows."""
    with running(request, configure=_one_too_many) as stack:
        yield stack


def test_an_unknown_subscription_is_told_and_the_rest_goes_on(mistaken: Stack) -> None:
    """The run is partial and says which name shows nothing; every other ticket is there."""
    first = mistaken.go_live()
    assert first.status == "partial", first
    assert any(reason == "unknown_scope" and NOWHERE in text for reason, text in first.told), first
    assert first.balanced, first
    mistaken.assert_right()


def _change(live: Stack, seed: int = 7) -> None:
    """Some tickets to resolve, some to tell, some to make."""
    live.witness()
    members = live.members()
    largest = sorted(members, key=lambda key: (-len(members[key]), key))
    live.azure("fix", ids=[row["id"] for row in members[largest[1]]])
    live.azure("fix", ids=[row["id"] for row in members[largest[0]][:1]])
    live.azure("new_finding", count=40, seed=seed)


def _heals(live: Stack, run: str, about: str) -> None:
    """The run, or the one after it, ends with every ticket right."""
    ended = live.finish(run, seconds=60)
    assert ended.balanced, (about, ended)
    if ended.status != "complete":
        ended = live.sync()
    assert ended.status == "complete", (about, ended)
    live.assert_right()


@pytest.mark.parametrize("kind", ["hibernation_200", "502_html"])
@pytest.mark.parametrize("routes", [("*",), ("batch", "table.[cu]*")], ids=["wholly", "for_writes"])
def test_an_instance_asleep_is_waited_for(live: Stack, kind: str, routes: tuple[str, ...]) -> None:
    """For a while every answer is a page for people: nothing fails, is lost or doubled, and it heals."""
    _change(live)
    for route in routes:
        live.simulator.fault(f"servicenow.{route}", kind, times=None)
    run = live.ask("live")
    ends = time.monotonic() + 20
    while not any(fault["applied"] for fault in live.simulator.control("GET", "/faults")):
        assert time.monotonic() < ends, live.state(run)
        time.sleep(0.1)
    time.sleep(2)
    live.simulator.control("DELETE", "/faults")
    assert live.finished(run).status == "running"
    for _ in range(3):  # what is parked again for the server's own limit is waited for in truth
        live.time_passes()
        time.sleep(1)
    _heals(live, run, kind)


PAGES = ("truncated_200", "500_before", "502_html", "reset_before", "429_arg", "skip_token_expired")


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_that_fails_is_read_again(live: Stack, kind: str) -> None:
    """Two answers of Resource Graph in the middle of the reading are broken."""
    _change(live)
    live.simulator.fault("arg.query", kind, times=2, skip=3)
    run = live.ask("live")
    for _ in range(3):
        time.sleep(1)
        live.time_passes()
    _heals(live, run, kind)


LOST = ("reset_after_commit", "500_after_commit", "403_after_insert", "truncated_200")


def test_lost_answers_double_nothing(live: Stack) -> None:
    """Answers of creates and of a batch are lost or wrong: looked up before anything is sent again."""
    for number, kind in enumerate(LOST):
        _change(live, seed=number)
        live.simulator.fault("servicenow.table.create", kind, times=3)
        if kind != "403_after_insert":
            live.simulator.fault("servicenow.batch", kind, times=1)
        _heals(live, live.ask("live"), kind)
        live.simulator.control("DELETE", "/faults")


def test_a_group_that_can_not_be_resolved_is_held(live: Stack) -> None:
    """No such assignment group: the ticket waits with its reason, the others go on."""
    live.azure("new_finding", count=150, seed=9)
    path = live.directory / "config" / "rules" / "demo.yaml"
    text = path.read_text()
    path.write_text(text.replace('assign: [rule, "Cloud Security"]', 'assign: ["No Such Group"]'))
    live.approve(live.plan().run)

    synced = live.sync()

    assert synced.balanced, synced
    assert synced.groups.reasons["held:assignment_unresolved"] > 0, synced
    made = synced.count(Outcome.CREATED)
    path.write_text(text)
    live.approve(live.plan().run)
    after = live.sync()
    assert after.count(Outcome.CREATED) >= synced.groups.reasons["held:assignment_unresolved"], after
    assert made + after.count(Outcome.CREATED) > 0
    live.assert_right()
