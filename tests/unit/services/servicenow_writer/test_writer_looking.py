"""By which keys a batch is looked up."""

import pytest

from common.http.deadline import Deadline
from services.servicenow_writer.looking import Looker, Seen, SysIdMode, keys_of
from tests.tiny_server import TinyServer
from tests.unit.common.servicenow.test_client_servicenow_table import client, rows
from tests.unit.services.servicenow_writer.writer_orders import job, order, record, update

U, H, L = SysIdMode.UNKNOWN, SysIdMode.HONOURED, SysIdMode.LOOKUP


@pytest.mark.parametrize(
    ("mode", "tried", "keys"),
    [
        (H, False, (True, False)),
        (U, False, (False, True)),
        (L, False, (False, True)),
        (H, True, (True, True)),
        (U, True, (True, True)),
        (L, True, (True, True)),
    ],
)
def test_keys_of_a_create(mode: SysIdMode, tried: bool, keys: tuple[bool, bool]) -> None:
    """The sys_id alone is enough only where the instance keeps it and nothing was tried before."""
    assert keys_of(job(order()), mode, tried) == keys


@pytest.mark.parametrize("mode", SysIdMode)
def test_keys_of_an_update(mode: SysIdMode) -> None:
    """A ticket that we know is found by its own sys_id, whatever the mode."""
    assert keys_of(job(update()), mode, tried=True) == (True, False)


def test_each_record_once() -> None:
    """A record found by both keys counts once; a foreign one under our sys_id is seen as well."""
    mine, other = record(order()), record(order(), sys_id="f" * 32)
    of, seen = order(), Seen()
    seen.by_correlation[(of.table, of.correlation_id)] = [mine]
    seen.by_sys_id[(of.table, of.sys_id)] = mine
    assert seen.of_create(job(of)) == [mine]
    seen.by_correlation[(of.table, of.correlation_id)] = [other]
    assert seen.of_create(job(of)) == [other, mine]


def test_fifty_creates_in_one_request() -> None:
    """By sys_id, with all that is asked of a ticket, and with room for the URL of an instance."""
    jobs = [job(order(table="change_request", sys_id=f"{number:032x}")) for number in range(50)]
    with TinyServer(lambda _: rows()) as server:
        Looker(client(server)).look(jobs, H, {}, Deadline(5), urgent=False)
        (asked,) = server.seen
    assert len("https://" + "a" * 20 + ".service-now.com" + asked.target) <= 2000
