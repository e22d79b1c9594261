"""The collector's reading: whole units, evidence, trouble on the way. Real Redis, simulated clouds."""

import msgspec
import pytest
import zstandard

from common.identity import unit_key
from common.model.group import Contribution, GroupFacts
from common.state.directory import unit_of
from common.state.groups import Groups, Share
from common.state.pages import Pages
from common.state.queue import Item
from common.state.store import Fence
from common.state.units import Ids, Members
from services.collector.reading import pack_chain, unpack_chain
from tests.e2e.collector_rig import RULES, Rig

pytest_plugins = ["tests.e2e.collector_fixtures"]


def ids(rows: list[dict[str, str]]) -> list[str]:
    return sorted(str(row["id"]).lower() for row in rows)


def test_a_plan_reads_every_finding_once(rig: Rig) -> None:
    """All rows arrive as they are, each unit is exact, and the mapper gets one item for each."""
    rig.start("r1", "plan")
    rig.work()
    units = rig.units("r1")
    assert ids(rig.rows("r1")) == ids(rig.truth())
    assert units
    assert all(unit.state == "read" and unit.exact for unit in units.values())
    assert {name: body.decode() for name, body in rig.bodies("map").items()} == {
        unit.unit: unit.attempt for unit in units.values()
    }
    record = rig.runs.record("r1")
    assert record["planned"] == "1"
    assert int(record["units_planned"]) == len(units)
    assert int(record["defender_requests"]) > len(units)


def test_the_largest_unit_is_read_first(rig: Rig, subscriptions: list[str]) -> None:
    """Units are claimed by size, so that the tail of a run is short."""
    rig.start("r1", "plan")
    rig.work("plan")
    first = rig.queue("read").claim(1, 5, "me")[0]
    assert first.id.decode() == unit_of(subscriptions[0])


def test_what_recommendations_and_subscriptions_mean_is_in_the_directory(rig: Rig) -> None:
    """Every recommendation with findings has metadata, every subscription a name."""
    rig.start("r1", "plan")
    rig.work("plan")
    metadata, named = rig.directory_state.metadata(), rig.directory_state.subscriptions()
    assert {str(row["id"]).lower().rsplit("/", 1)[1] for row in rig.truth()} <= metadata.keys()
    assert rig.directory_state.metadata_run() == "r1"
    assert all(one.name and one.management_groups for one in named.values())
    assert "no_risk_levels" in rig.told("r1")


def test_a_large_unit_is_read_in_parts_that_are_joined(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several chains of one unit end as one attempt with every row once."""
    monkeypatch.setattr("services.collector.planning.PART_ROWS", 100)
    rig.start("r1", "plan")
    rig.work("tickets", "plan")
    assert any("#" in name for name in rig.bodies("read"))
    rig.work("read")
    assert ids(rig.rows("r1")) == ids(rig.truth())
    assert all(unit.state == "read" and unit.exact for unit in rig.units("r1").values())
    stored = len(list(rig.store.client.scan_iter("isth:demo:run:r1:page:*")))
    attempts = [Pages(rig.store, rig.connection, "r1", u.unit, u.attempt) for u in rig.runs.units("r1")]
    assert stored == sum(pages.manifest().pages for pages in attempts), "the parts' own pages are freed"


@pytest.mark.parametrize("mode", ["row_missing", "row_twice"])
def test_rows_that_do_not_add_up_are_read_again_then_flagged(
    rig: Rig, subscriptions: list[str], mode: str
) -> None:
    """Absence in such a unit is no evidence: it is marked inexact after three readings."""
    rig.mode(mode)
    rig.start("r1", "plan")
    rig.work()
    unit = rig.units("r1")[unit_of(subscriptions[0])]
    assert (unit.state, unit.exact, unit.reason, unit.tries) == ("read", False, "inexact", 3)
    assert "inexact" in rig.told("r1")


def test_a_truncated_result_is_never_exact(rig: Rig, subscriptions: list[str]) -> None:
    """What Azure cut off is unknown, not gone."""
    rig.start("r1", "plan")
    rig.work("plan")
    rig.mode("results_truncated")
    rig.work("read")
    assert not rig.units("r1")[unit_of(subscriptions[0])].exact


def test_an_expired_skip_token_begins_a_chain_anew(rig: Rig, subscriptions: list[str]) -> None:
    """The rows of the broken attempt are dropped; the unit is whole in the end."""
    rig.start("r1", "plan")
    rig.work("plan")
    rig.simulator.fault("arg.query", "skip_token_expired", times=1)
    rig.work("read")
    assert ids(rig.rows("r1")) == ids(rig.truth())
    assert all(unit.exact for unit in rig.units("r1").values())


def test_throttling_parks_a_chain_where_it_is(rig: Rig) -> None:
    """After a 429 the next page is asked for, not the first one again."""
    rig.start("r1", "plan")
    rig.work("tickets", "plan")
    rig.simulator.control("POST", "/requests/reset")
    rig.simulator.fault("arg.query", "429_arg", times=2)
    rig.work("read")
    asked = rig.simulator.control("GET", "/requests")
    pages = sum(max(1, -(-unit.read // 100)) for unit in rig.runs.units("r1"))
    assert asked["routes"]["arg.query"] == pages + 2, asked
    assert ids(rig.rows("r1")) == ids(rig.truth())


def test_a_full_redis_parks_reading(rig: Rig) -> None:
    """Above the ratio no chain starts; it goes on when there is room."""
    rig.start("r1", "plan")
    rig.work("plan")
    used = int(rig.store.client.info("memory")["used_memory"])
    rig.store.client.config_set("maxmemory", int(used * 1.2))
    rig.step("read")
    assert rig.queue("read").depth().parked > 0
    assert not rig.bodies("map")
    rig.store.client.config_set("maxmemory", 0)
    rig.work("read")
    assert ids(rig.rows("r1")) == ids(rig.truth())


def test_a_server_that_keeps_failing_fails_its_units_only(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many failures in a row a unit ends with a typed reason; the run can end."""
    monkeypatch.setattr("services.collector.stage.CollectorStage.failures_in_a_row", 2)
    monkeypatch.setattr("services.collector.read.wait_after", lambda _: 0.05)
    rig.start("r1", "plan")
    rig.work("plan")
    rig.simulator.fault("arg.query", "500_before", times=1000)
    rig.work("read")
    rig.simulator.control("DELETE", "/faults")
    assert {(unit.state, unit.reason) for unit in rig.runs.units("r1")} == {("failed", "server_error")}
    ended = rig.store.client.scard("isth:demo:run:r1:ended")
    assert ended == len(rig.runs.units("r1"))


def test_a_reader_that_died_before_it_told_is_told_for(rig: Rig) -> None:
    """What follows a reading is put again by whoever takes the item next; the pages that count are kept."""
    rig.start("r1", "plan")
    rig.work("plan")
    chains = rig.bodies("read")
    rig.work("read")
    told = rig.bodies("map")
    rig.store.client.unlink(*rig.queue("map").keys)
    for item, body in chains.items():
        chain = unpack_chain(body)
        attempt = rig.units("r1")[chain.unit].attempt
        resumed = pack_chain(msgspec.structs.replace(chain, attempt=attempt))
        put_item(rig, "read", item.encode(), resumed)
    rig.work("read")
    assert rig.bodies("map") == told
    assert ids(rig.rows("r1")) == ids(rig.truth())


def test_a_superseded_run_reads_no_further(rig: Rig) -> None:
    """Chains of a run that is not current any more are dropped, with what they read."""
    rig.start("r1", "plan")
    rig.work("tickets", "plan")
    chain = rig.bodies("read")
    rig.store.client.hset("isth:demo:conn", "run", "r2")
    rig.work("read")
    assert chain
    assert not rig.bodies("map")
    assert {unit.state for unit in rig.runs.units("r1")} == {"planned"}


def test_full_rows_are_read_again_by_id_with_inherited_tags(rig: Rig) -> None:
    """The blob for the mapper holds a group's worst rows, and tags where rules read them."""
    tagged = RULES.replace('assign: ["Cloud Security"]', 'assign: ["tag:owner_group", "Cloud Security"]')
    rig.configure(tagged)
    rig.use()
    rig.approve()
    rig.start("r1")
    rig.work("tickets", "plan", "read")
    wanted = [str(row["id"]).lower() for row in rig.truth(code="Unhealthy")][:30]
    group = plant_group(rig, wanted)
    body = group
    put_item(rig, "rows", b"chunk-1", body)
    rig.work("rows")
    packed = rig.store.client.get("isth:demo:run:r1:rows:chunk-1")
    blob = msgspec.msgpack.decode(unpacked(packed), type=dict[bytes, list[dict[str, object]]])
    assert sorted(str(row["id"]).lower() for row in blob[group]) == sorted(wanted[:25])
    assert all("tags" in row for row in blob[group])
    assert any(row["tags"] for row in blob[group])
    assert rig.bodies("render") == {"chunk-1": body}
    assert not list(rig.store.client.scan_iter("isth:demo:run:r1:memo:rows*"))


def plant_group(rig: Rig, finding_ids: list[str]) -> bytes:
    """A group whose open members are these findings, as the mapper leaves it."""
    group, fence = b"GROUP001", Fence(rig.epoch, "r1")
    unit = unit_key("some-unit")
    contribution = Contribution(
        (0, len(finding_ids), 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0), 1, 1
    )
    facts = GroupFacts("per-recommendation", (), bytes(16))
    Groups(rig.store, rig.connection).contribute(fence, unit, [Share(group, facts, contribution)])
    Ids(rig.store, rig.connection, unit).save(
        fence, "", 1, {0: {group: Members(len(finding_ids), finding_ids)}}
    )
    return group


def put_item(rig: Rig, queue: str, item: bytes, body: bytes) -> None:

    rig.queue(queue).put(Fence(rig.epoch, "r1"), [Item(item, 0, body)])


def unpacked(packed: object) -> bytes:
    assert isinstance(packed, bytes)
    return zstandard.ZstdDecompressor().decompress(packed)
