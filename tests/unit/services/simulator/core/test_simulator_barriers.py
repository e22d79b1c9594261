"""Barriers hold a request exactly before or after its commit."""

import base64
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import requests

from services.simulator.gate import _unpacked
from tests.simulator_rig import BATCH, Rig

Background = Callable[[Callable[[], Any]], threading.Thread]


def _held(rig: Rig, barrier: str, count: int = 1) -> dict[str, Any]:
    view: dict[str, Any] = rig.control("GET", f"/barriers/{barrier}?wait=10&held={count}").json()
    assert view["held"] == count
    return view


@pytest.mark.parametrize(("when", "at_hold"), [("before", []), ("after", ["a"])])
def test_a_request_is_held_around_its_commit(
    rig: Rig, background: Background, when: str, at_hold: list[str]
) -> None:
    """Held before: not committed yet; held after: committed, not answered; released: both."""
    barrier = rig.barrier(when)
    statuses: list[int] = []
    thread = background(lambda: statuses.append(rig.create("a").status_code))
    view = _held(rig, barrier)
    assert view["waiting"][0]["route"] == "servicenow.table.create"
    assert (rig.commits, statuses) == (at_hold, [])
    assert rig.control("POST", f"/barriers/{barrier}/release").json() == {"released": 1}
    thread.join(10)
    assert (rig.commits, statuses) == (["a"], [201])


def test_later_requests_pass_a_released_barrier(rig: Rig, background: Background) -> None:
    """After the release nothing is held any more."""
    barrier = rig.barrier("before", count=5)
    background(lambda: rig.create("a"))
    _held(rig, barrier)
    rig.control("POST", f"/barriers/{barrier}/release")
    assert rig.create("b").status_code == 201


def test_skip_and_count_choose_the_requests(rig: Rig, background: Background) -> None:
    """`skip` lets the first pass, `count` bounds how many are held."""
    barrier = rig.barrier("before", skip=1, count=2)
    assert rig.create("a").status_code == 201
    for name in ("b", "c"):
        background(partial(rig.create, name))
    _held(rig, barrier, 2)
    assert rig.create("d").status_code == 201
    assert rig.commits == ["a", "d"]
    rig.control("POST", f"/barriers/{barrier}/release")


def test_match_chooses_by_body(rig: Rig, background: Background) -> None:
    """Only a request whose body has the text is held."""
    barrier = rig.barrier("before", match='"name": "b"')
    assert rig.create("a").status_code == 201
    background(lambda: rig.create("b"))
    _held(rig, barrier)
    rig.control("DELETE", f"/barriers/{barrier}")


def test_a_killed_client_commits_only_when_it_was_not_dropped(rig: Rig) -> None:
    """A held request of a dead client commits on release, and never when it is dropped."""
    for name, drop in (("a", True), ("b", False)):
        barrier = rig.barrier("before")
        with pytest.raises(requests.ReadTimeout):
            rig.create(name, seconds=0.3)
        rig.control("POST", f"/barriers/{barrier}/release", {"drop": drop})
    begun = time.monotonic()
    while rig.commits != ["b"]:
        assert time.monotonic() - begun < 5, rig.commits
        time.sleep(0.01)


def test_a_drop_after_the_commit_cuts_the_answer(rig: Rig, background: Background) -> None:
    """Held after the commit and dropped: the record is there, the client sees a broken connection."""
    barrier = rig.barrier("after")
    broken: list[Exception] = []

    def create() -> None:
        try:
            rig.create("a")
        except requests.ConnectionError as error:
            broken.append(error)

    thread = background(create)
    _held(rig, barrier)
    rig.control("POST", f"/barriers/{barrier}/release", {"drop": True})
    thread.join(10)
    assert (rig.commits, len(broken)) == (["a"], 1)


def test_a_batch_is_held_in_its_middle(rig: Rig, background: Background) -> None:
    """The second item is held: the first is committed, the third not yet."""
    barrier = rig.barrier("before", skip=1)
    thread = background(lambda: rig.post(BATCH, {"items": ["a", "b", "c"]}))
    _held(rig, barrier)
    assert rig.commits == ["a"]
    rig.control("POST", f"/barriers/{barrier}/release")
    thread.join(10)
    assert rig.commits == ["a", "b", "c"]


def test_waiting_for_a_barrier_ends_with_its_time(rig: Rig) -> None:
    """Nobody came: the long poll answers with 0 held."""
    barrier = rig.barrier("before")
    begun = time.monotonic()
    assert rig.control("GET", f"/barriers/{barrier}?wait=0.3").json()["held"] == 0
    assert 0.25 < time.monotonic() - begun < 5


def test_a_gate_reset_drops_what_is_held(rig: Rig, background: Background) -> None:
    """After a reset nothing of before commits, and nothing is armed."""
    barrier = rig.barrier("before")
    outcomes: list[str] = []

    def create() -> None:
        try:
            outcomes.append(str(rig.create("a").status_code))
        except requests.ConnectionError:
            outcomes.append("cut")

    thread = background(create)
    _held(rig, barrier)
    rig.fault("500_before")
    rig.run(rig.gate.reset())
    thread.join(10)
    assert (outcomes, rig.commits) == (["cut"], [])
    assert rig.control("GET", "/faults").json() == []
    assert rig.control("GET", f"/barriers/{barrier}").status_code == 404


def test_a_batch_is_matched_by_its_items_bodies() -> None:
    """The items' base64 bodies are decoded for `match`; other bodies stay as they are."""
    item = base64.b64encode(b'{"correlation_id":"isth:c:incident:x:1"}').decode()
    packed = f'{{"rest_requests":[{{"id":"1","body":"{item}"}},{{"id":"2"}}]}}'.encode()
    assert b"isth:c:incident:x:1" in _unpacked(packed)
    assert _unpacked(b'{"rest_requests": 3}') == b'{"rest_requests": 3}'
    assert _unpacked(b"plain") == b"plain"
