"""What the collector reads only where it is needed: tags before mapping, all rows of a new large ticket."""

import pytest

from common.model.link import Link
from common.state import keys
from common.state.csv_files import CsvFiles
from common.state.directory import unit_of
from common.state.links import Links
from common.state.store import Fence
from common.state.unit_tags import UnitTags
from services.collector import rows as rows_module
from tests.e2e.collector_rig import RULES, Rig
from tests.e2e.test_collector_read import plant_group, put_item

pytest_plugins = ["tests.e2e.collector_fixtures"]

TAGGED = """
version: 1
rules:
  - id: owned
    when: {kind: recommendation, tags: {owner_group: "*"}}
    group: [tag:owner_group]
    ticket: {type: incident, assign: ["tag:env", "Cloud Security"]}
"""


def read_unit(rig: Rig, subscription: str, rules: str = TAGGED) -> tuple[str, UnitTags, list[str]]:
    """A run whose units were read, and mapping wants the tags of all resources of one of them."""
    rig.configure(rules)
    rig.use()
    rig.start("r1", "plan")
    rig.work("tickets", "plan", "read")
    unit = unit_of(subscription)
    tags = UnitTags(rig.store, rig.connection, "r1", unit)
    found = {str(row["resourceId"]).lower() for row in rig.rows("r1") if row["resourceId"]}
    resources = sorted(one for one in found if one.split("/")[2] == subscription)
    tags.want(resources)
    rig.store.client.unlink(*rig.queue("map").keys)
    put_item(rig, "tags", unit.encode(), b"")
    return unit, tags, resources


def memos(rig: Rig, pattern: str) -> list[bytes]:
    return list(rig.store.client.scan_iter(f"isth:demo:run:r1:memo:{pattern}"))


def test_tags_are_read_for_a_unit_then_it_is_mapped_again(rig: Rig, subscriptions: list[str]) -> None:
    """Tags of wanted resources arrive, only those that decide a rule or a group, and the unit's map item."""
    unit, tags, resources = read_unit(rig, subscriptions[0])
    rig.work("tags")
    found = tags.read()
    assert found
    assert found.keys() <= set(resources)
    assert {name for some in found.values() for name in some} == {"owner_group"}
    assert rig.bodies("map") == {unit: rig.units("r1")[unit].attempt.encode()}
    assert not memos(rig, "*tags*")


def test_reading_tags_goes_on_where_the_quota_stopped_it(
    rig: Rig, subscriptions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit that needs more queries than a window allows ends all the same: no answer is asked for twice."""
    monkeypatch.setattr("services.collector.tags.AT_ONCE", 10)
    unit, tags, resources = read_unit(rig, subscriptions[0])
    rig.work("tags")
    whole, queries = tags.read(), -(-len(resources) // 10) + 1
    assert queries > 6
    before = int(rig.runs.record("r1")["defender_requests"])
    tags.drop()
    tags.want(resources)
    put_item(rig, "tags", unit.encode(), b"")
    rig.simulator.fault("arg.query", "429_arg", times=1, skip=queries // 2)
    rig.work("tags")
    assert tags.read() == whole
    assert int(rig.runs.record("r1")["defender_requests"]) - before == queries + 1


def test_a_unit_whose_tags_cannot_be_read_fails_alone(
    rig: Rig, subscriptions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a typed reason and ends; nothing is put for the mapper."""
    monkeypatch.setattr("services.collector.stage.CollectorStage.failures_in_a_row", 2)
    monkeypatch.setattr("services.collector.stage.wait_after", lambda _: 0.05)
    unit, tags, _ = read_unit(rig, subscriptions[0])
    rig.simulator.fault("arg.query", "500_before", times=1000)
    rig.work("tags")
    rig.simulator.control("DELETE", "/faults")
    record = rig.units("r1")[unit]
    assert (record.state, record.reason) == ("failed", "server_error")
    assert "server_error" in rig.told("r1")
    assert rig.store.client.sismember(keys.run(rig.connection, "r1", "ended"), unit)
    assert rig.bodies("map") == {}
    assert tags.read() is None


LISTED = RULES.replace("ticket: {", "ticket: {affected: {shown: 25, rest: attachment_csv}, ")


def large_group(rig: Rig, rules: str = LISTED, members: int = 40) -> tuple[bytes, CsvFiles]:
    """A group with more open members than a ticket shows, waiting for its rows."""
    rig.configure(rules)
    rig.use()
    rig.approve()
    rig.start("r1")
    rig.work("tickets", "plan", "read")
    group = plant_group(rig, [str(row["id"]).lower() for row in rig.truth(code="Unhealthy")][:members])
    put_item(rig, "rows", b"chunk-1", group)
    return group, CsvFiles(rig.store, rig.connection, "r1")


def link(rig: Rig, group: bytes, state: str) -> None:
    made = Link("incident", "a" * 32, "INC1", 1, 1, "per-recommendation", state=state)
    Links(rig.store, rig.connection).replace(Fence(rig.epoch, "r1"), {group: (None, made)})


@pytest.mark.parametrize("state", ["", "7"])
def test_all_rows_of_a_large_new_ticket_are_read_once(rig: Rig, state: str) -> None:
    """Also for the successor of a closed ticket; the chunk for the text stays small, no memo is left."""
    group, files = large_group(rig)
    if state:
        link(rig, group, state)
    rig.work("rows")
    assert len({row["id"] for row in files.rows(group)}) == 40
    assert not memos(rig, "rows*")
    assert rig.store.client.ttl(keys.run(rig.connection, "r1", f"csv_rows:{group.hex()}")) > 0
    rig.simulator.control("POST", "/requests/reset")
    put_item(rig, "rows", b"chunk-1", group)
    rig.work("rows")
    assert rig.simulator.control("GET", "/requests")["routes"]["arg.query"] == 1


@pytest.mark.parametrize("why", ["ticket is open", "few members", "rule counts only"])
def test_no_rows_are_read_for_a_file_that_nobody_gets(rig: Rig, why: str) -> None:
    """Only a new ticket that can't show all its members gets a file."""
    rules = LISTED.replace("attachment_csv", "count") if why == "rule counts only" else LISTED
    group, files = large_group(rig, rules, members=25 if why == "few members" else 40)
    if why == "ticket is open":
        link(rig, group, "2")
    rig.work("rows")
    assert files.rows(group) == []
    assert rig.bodies("render") == {"chunk-1": group}


def test_a_huge_group_is_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more rows are read than a file may hold."""
    monkeypatch.setattr(rows_module, "ROWS_AT_MOST", 30)
    group, files = large_group(rig)
    rig.work("rows")
    assert len(files.rows(group)) == 30
