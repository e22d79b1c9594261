"""The file of all affected resources: made once with the order of a new ticket, whoever is killed."""

from collections.abc import Sequence

import msgspec

from common.model.decision import Order
from common.state.approvals import Approvals
from common.state.csv_files import CsvFiles
from common.state.directory import Directory, InstanceFacts
from common.state.groups import Groups
from common.state.store import Fence
from services.mapper.stage_render import Rendering
from tests.unit.services.mapper.conftest import Bench, row

ROWS = [row(number) for number in range(30)]


def decided(bench: Bench, *, groups: Sequence[str] = ("Cloud Security",)) -> tuple[Fence, bytes, CsvFiles]:
    """A run in which one group of 30 members wants a ticket, and the rows of all were read."""
    fence = bench.start()
    bench.read(fence, [ROWS])
    view = bench.views.current("c")
    Approvals(view.register).approve(view.rules, [], "tester", "a-plan")
    facts = InstanceFacts(user_name="isthmus", user_id="u" * 32, groups=dict.fromkeys(groups, "g" * 32))
    Directory(bench.store, "c").put_instance(facts)
    (group,) = Groups(bench.store, "c").dirty("per-recommendation")
    files = CsvFiles(bench.store, "c", fence.run)
    files.put_rows(group, ROWS)
    return fence, group, files


def rendered(bench: Bench, group: bytes) -> Order | None:
    """Render the group as the stage does; the order that waits for the writer then."""
    view = bench.views.current("c")
    Rendering(bench.views, view, {group: ROWS[:25]}, "public").run([group])
    waiting = bench.queue("write").claim(1, 0, "tester")
    bench.queue("write").sweep()
    return msgspec.msgpack.decode(waiting[0].body, type=Order) if waiting else None


def test_an_order_says_that_a_file_waits(bench: Bench) -> None:
    """All 30 are in the file, and the order stays small."""
    _, group, files = decided(bench)
    order = rendered(bench, group)
    assert order is not None
    assert order.attach_csv
    lines = files.content(group).decode().splitlines()
    assert len(lines) == 31
    assert files.rows(group) == []


def test_a_chunk_that_is_rendered_again_keeps_its_file(bench: Bench) -> None:
    """A mapper was killed after it made the file: the next one finds it."""
    _, group, files = decided(bench)
    rendered(bench, group)
    before = files.content(group)
    order = rendered(bench, group)
    assert order is not None
    assert order.attach_csv
    assert files.content(group) == before != b""


def test_a_group_that_is_held_leaves_no_file(bench: Bench) -> None:
    """Without an assignment group nothing is created, and nothing waits in Redis."""
    _, group, files = decided(bench, groups=())
    assert rendered(bench, group) is None
    assert not files.known(group)


def test_what_could_not_be_read_is_counted_in_the_last_line(bench: Bench) -> None:
    """The file never looks complete when it is not."""
    _, group, files = decided(bench)
    files.put_rows(group, ROWS[:28])
    rendered(bench, group)
    assert files.content(group).decode().splitlines()[-1].startswith("and 2 more")
