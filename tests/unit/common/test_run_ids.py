"""Ids of runs sort by time and fit the message."""

from datetime import UTC, datetime, timedelta

from common.messages import StartRun
from common.run_ids import new_run_id


def test_ids_sort_by_time() -> None:
    """A later id is larger, from a few milliseconds on; StartRun takes it."""
    early = datetime(2026, 11, 23, 9, 59, 58, 990_000, tzinfo=UTC)
    moments = [early + timedelta(milliseconds=2 * step) for step in range(1200)]
    ids = [new_run_id(moment) for moment in moments]
    assert ids == sorted(ids)
    assert ids[0].startswith("r20261123T095958")
    assert StartRun(connection="c", mode="plan", run=ids[0], requested_by="a", reason="b").run == ids[0]


def test_ids_of_one_moment_differ() -> None:
    """Chance tells them apart."""
    now = datetime.now(UTC)
    assert len({new_run_id(now) for _ in range(20)}) > 15
