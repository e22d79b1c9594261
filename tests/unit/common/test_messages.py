"""Messages: what is taken and what is dropped."""

from datetime import UTC, datetime
from typing import Any

import pytest

from common.messages import Doorbell, MalformedMessage, StartRun, decode, run_id

BELL = {"v": 1, "epoch": "e", "connection": "c", "queue": "read", "slot": 2}


def test_a_message_survives_the_way() -> None:
    """Encoding and decoding give the same message."""
    bell = Doorbell(epoch="e", connection="c", queue="read", slot=2)
    assert decode(Doorbell, bell.model_dump(mode="json")) == bell


def test_a_newer_sender_may_add_a_field() -> None:
    """Within a version, N reads N+1."""
    assert decode(Doorbell, {**BELL, "colour": "blue"}).slot == 2


@pytest.mark.parametrize(
    "payload",
    [
        {**BELL, "v": 2},
        {**BELL, "connection": "A b"},
        {**BELL, "slot": -1},
        {},
        [],
        None,
        "x",
        {**BELL, "epoch": 3},
    ],
)
def test_anything_else_is_malformed(payload: Any) -> None:
    """Unknown versions and broken fields are told by field, never by value."""
    with pytest.raises(MalformedMessage) as caught:
        decode(Doorbell, payload)
    assert caught.value.reason == "malformed_message"
    assert "A b" not in str(caught.value)


@pytest.mark.parametrize("change", [{"mode": "wild"}, {"run": "a b"}, {"unless_good_since": -1}, {"v": None}])
def test_a_start_is_checked(change: dict[str, Any]) -> None:
    """A run's id becomes part of keys: its alphabet is fixed."""
    good = {"v": 1, "connection": "c", "mode": "live", "run": "r-1", "requested_by": "x", "reason": "y"}
    assert decode(StartRun, good).unless_good_since == 0
    with pytest.raises(MalformedMessage):
        decode(StartRun, good | change)


def test_run_ids_sort_by_time_and_depend_on_their_seed() -> None:
    """Equal arguments give an equal id: that is what makes a doubled message harmless."""
    early, late = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
    assert run_id(early, "a") == run_id(early, "a") != run_id(early, "b")
    assert run_id(early, "z") < run_id(late, "a")
