"""Work that was claimed just before a newer run began is not the newer run's."""

import time

import msgspec
import pytest
import zstandard

from common.errors import Fatal, Superseded
from common.runtime.drain import Lease
from common.state import keys
from common.state.queue import Claimed, Item
from common.state.runs import Groups
from common.state.store import Fence, octets
from services.mapper.stage_observe import ObserveStage
from tests.unit.services.mapper.conftest import Bench

NO_RECORDS = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode([]))


def leased(bench: Bench, name: str, item: Claimed) -> Lease:
    """The lease under which the old worker holds it."""
    return Lease(bench.queue(name), [item], 30, "old", time.monotonic(), lambda _seconds: None)


def claimed(bench: Bench, fence: Fence, name: str, item: Item) -> Claimed:
    """An item as a worker holds it while another run begins."""
    bench.queue(name).put(fence, [item])
    return next(one for one in bench.queue(name).claim(9, 30, "old") if one.id == item.id)


def test_a_page_of_an_earlier_reading_does_not_close_the_rebuild(bench: Bench) -> None:
    """Page 0 of the former run is not page 0 of this one (promise 5)."""
    page = claimed(bench, bench.start(), "observe", Item(b"0", 0, NO_RECORDS))
    fence = bench.start()
    stage = ObserveStage(bench.views, lambda _connection: None)
    stage.handle("c", [page], leased(bench, "observe", page))
    assert not bench.store.client.exists(keys.run("c", fence.run, "observed"))
    with pytest.raises(Superseded):
        stage.failed("c", page, Fatal("unexpected", "a fault"))


def test_a_chunk_of_an_earlier_run_leaves_the_ledger_alone(bench: Bench) -> None:
    """Its groups were not touched by this run: the second ledger would never add up."""
    chunk = claimed(bench, bench.start(), "finish", Item(bench.unit.encode(), 0, b""))
    fence = bench.start()
    bench.finish.handle("c", [chunk], leased(bench, "finish", chunk))
    assert bench.record(fence).state == "read"
    assert bench.runs.groups(fence.run) == Groups()
    assert octets(bench.store.client.hget(keys.connection("c"), "run")).decode() == fence.run
