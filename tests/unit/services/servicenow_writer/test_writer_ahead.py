"""What was looked up with an earlier batch, and when it may still be used."""

import pytest

from services.servicenow_writer.ahead import FRESH_SECONDS, Ahead
from services.servicenow_writer.jobs import Job
from services.servicenow_writer.looking import Seen, SysIdMode
from tests.unit.services.servicenow_writer.writer_orders import job, order, update

U, H, L = SysIdMode.UNKNOWN, SysIdMode.HONOURED, SysIdMode.LOOKUP


def creates(count: int) -> list[Job]:
    return [job(order(group=f"{number:016x}")) for number in range(count)]


def kept(jobs: list[Job], mode: SysIdMode = H) -> tuple[Ahead, Seen, list[float]]:
    """`jobs` looked up at 0 by a clock that the test sets."""
    now, seen = [0.0], Seen()
    ahead = Ahead(lambda: now[0])
    ahead.keep(jobs, seen, mode, 0.0)
    return ahead, seen, now


def test_each_is_used_once() -> None:
    """A job that comes again is looked up anew."""
    jobs = creates(3)
    ahead, seen, _ = kept(jobs)
    assert ahead.take(jobs[:2], H, {}) == {jobs[0].group: seen, jobs[1].group: seen}
    assert ahead.take(jobs, H, {}) == {jobs[2].group: seen}


def test_tried_meanwhile() -> None:
    """An attempt that was noted since the look-up spoils what was seen, for good."""
    jobs = creates(1)
    ahead, _, _ = kept(jobs)
    assert ahead.take(jobs, H, {jobs[0].group}) == {}
    assert ahead.take(jobs, H, {}) == {}


def test_too_old() -> None:
    """It is of use until its time is over, and then looked up along with a later batch."""
    jobs = creates(2)
    ahead, seen, now = kept(jobs)
    now[0] = FRESH_SECONDS - 0.1
    assert ahead.take(jobs[:1], H, {}) == {jobs[0].group: seen}
    now[0] = FRESH_SECONDS
    assert ahead.take([], H, {}) == {}
    assert ahead.lacking(jobs, {}) == jobs


@pytest.mark.parametrize(
    ("looked", "now", "usable"),
    [(H, H, True), (H, L, False), (H, U, False), (U, H, True), (U, L, True), (U, U, True), (L, L, True)],
)
def test_sys_ids_that_are_not_kept(looked: SysIdMode, now: SysIdMode, usable: bool) -> None:
    """A look-up by sys_id alone is worth nothing once the instance is known not to keep them."""
    jobs = creates(1)
    ahead, _, _ = kept(jobs, looked)
    assert bool(ahead.take(jobs, now, {})) == usable


def test_lacking() -> None:
    """Neither updates, nor what was tried, nor what is known already."""
    jobs = creates(3)
    ahead, _, _ = kept(jobs[:1])
    assert ahead.lacking([*jobs, job(update(group="f" * 16))], {jobs[1].group}) == jobs[2:]
