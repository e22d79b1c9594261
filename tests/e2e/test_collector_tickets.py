"""Reading tickets, names and deletions from ServiceNow; asking again for what is missing."""

import threading

import msgspec
import pytest
import requests
import zstandard

from common.identity import correlation_id, group_of, identity_digest, sys_id_of
from common.model.finding import Standing
from common.model.link import Link
from common.state.directory import unit_of
from common.state.links import Links
from common.state.queue import Item
from common.state.store import Fence
from tests.e2e.collector_rig import CONNECTION, Rig

pytest_plugins = ["tests.e2e.collector_fixtures"]


def raise_tickets(rig: Rig, count: int, first: int = 0) -> list[str]:
    """Create tickets as our integration user does; answers their sys_ids."""
    session, ready = rig.simulator.session(), rig.simulator.ready
    form = {
        "grant_type": "client_credentials",
        "client_id": ready["servicenow_client_id"],
        "client_secret": ready["servicenow_client_secret"],
    }
    token = session.post(f"{ready['servicenow']}/oauth_token.do", data=form, timeout=10).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    return [raise_one(rig, session, headers, number) for number in range(first, first + count)]


def raise_one(rig: Rig, session: requests.Session, headers: dict[str, str], number: int) -> str:
    correlation = correlation_of(number)
    fields = {
        "sys_id": sys_id_of(correlation),
        "correlation_id": correlation,
        "short_description": f"Ticket {number}",
    }
    url = f"{rig.simulator.servicenow}/api/now/table/incident"
    answer = session.post(url, json=fields, headers=headers, timeout=10)
    assert answer.status_code == 201, answer.text
    return sys_id_of(correlation)


def digest_of(number: int) -> bytes:
    return identity_digest(CONNECTION, "per-recommendation", [("recommendation", f"rec-{number}")])


def correlation_of(number: int) -> str:
    return correlation_id(CONNECTION, "incident", digest_of(number), 1)


def move_mark(rig: Rig, run: str) -> None:
    """What the flow does once all pages were taken in."""
    mark = rig.runs.record(run)["tickets_mark"]
    rig.register.update(Fence(rig.epoch), {"mark:incident": mark, "rebuilt": rig.epoch})


def test_all_our_tickets_are_read_while_links_are_not_rebuilt(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages for the mapper, the run's fields, and a last empty page that closes the reading."""
    monkeypatch.setattr("services.collector.tickets.PAGE", 10)
    made = raise_tickets(rig, 25)
    rig.start("r1", "plan")
    rig.work("tickets")
    record = rig.runs.record("r1")
    assert sorted(r["sys_id"] for r in rig.observed()) == sorted(made)
    assert int(record["tickets_pages"]) == len(rig.bodies("observe"))
    assert record["tickets_read"] == "1"
    assert record["tickets_mark"].endswith(max(made)) or "|" in record["tickets_mark"]
    assert int(record["servicenow_requests"]) >= 3
    first = rig.observed()[0]
    assert first["number"].startswith("INC")
    assert {"state", "correlation_display", "description", "sys_mod_count"} <= first.keys()


def test_later_runs_read_what_changed_since_the_mark(rig: Rig) -> None:
    """With ten minutes of overlap, on ServiceNow's clock."""
    raise_tickets(rig, 3)
    rig.run_through("r1", "plan")
    move_mark(rig, "r1")
    mark = rig.register.mark("incident")
    assert mark is not None
    later = f"2126-01-01 00:00:00|{mark[1]}"
    rig.register.update(Fence(rig.epoch), {"mark:incident": later})
    rig.run_through("r2", "plan")
    assert rig.observed() == []
    assert "tickets_mark" not in rig.runs.record("r2")


def test_reading_goes_on_where_it_was_cut(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost answer in the middle costs one page, not the whole reading."""
    monkeypatch.setattr("services.collector.tickets.PAGE", 5)
    monkeypatch.setattr("services.collector.stage.wait_after", lambda _: 0.05)
    made = raise_tickets(rig, 20)
    rig.start("r1", "plan")
    barrier = rig.simulator.barrier("servicenow.table.list", "before", subject="incident", skip=2)
    worker = threading.Thread(target=rig.work, args=("tickets",))
    worker.start()
    rig.simulator.wait_held(barrier)
    assert len(rig.bodies("observe")) == 2
    rig.simulator.release(barrier, drop=True)
    worker.join(60)
    seen = [record["sys_id"] for record in rig.observed()]
    assert sorted(set(seen)) == sorted(made)
    assert int(rig.runs.record("r1")["tickets_pages"]) == len(rig.bodies("observe"))


def test_the_instance_is_known_to_the_mapper(rig: Rig) -> None:
    """Groups that rules name, close codes and our own user are looked up once a run."""
    rig.start("r1", "plan")
    rig.work("tickets")
    facts = rig.directory_state.instance()
    assert len(facts.groups["Cloud Security"]) == 32
    assert len(facts.user_id) == 32
    assert facts.user_name == rig.simulator.servicenow_user
    assert facts.close_codes is not None
    assert "Solution provided" in facts.close_codes


def test_a_group_that_is_not_there_is_told(rig: Rig) -> None:
    """The sentence names it; the run goes on."""
    rig.configure(
        "version: 1\nrules:\n  - id: a\n    when: {kind: recommendation}\n    group: [recommendation]\n"
        '    ticket: {type: incident, assign: ["No Such Group"]}\n'
    )
    rig.use()
    rig.start("r1", "plan")
    rig.work("tickets")
    assert "No Such Group" in rig.told("r1")["not_resolved"]
    assert "No Such Group" in rig.directory_state.instance().missing
    assert rig.runs.record("r1")["tickets_read"] == "1"


def plant_links(rig: Rig, numbers: range) -> None:
    """Links of open tickets."""
    changes: dict[bytes, tuple[Link | None, Link]] = {}
    for number in numbers:
        correlation = correlation_of(number)
        link = Link("incident", sys_id_of(correlation), f"INC{number}", 1, 1, "per-recommendation")
        changes[group_of(digest_of(number))] = (None, link)
    Links(rig.store, CONNECTION).replace(Fence(rig.epoch), changes)


def test_deleted_tickets_are_found_once_a_day(rig: Rig) -> None:
    """Polling does not show a deletion; the daily check does, and then not again for a day."""
    made = raise_tickets(rig, 6)
    plant_links(rig, range(6))
    body = {"op": "delete", "table": "incident", "sys_id": made[2]}
    rig.simulator.control("POST", "/servicenow/change", body)
    rig.approve()
    rig.run_through("r1")
    gone = [record for record in rig.observed() if record.get("deleted") == "true"]
    assert [(r["sys_id"], r["correlation_id"].split(":")[2]) for r in gone] == [(made[2], "incident")]
    rig.run_through("r2")
    assert not [record for record in rig.observed() if record.get("deleted") == "true"]


def test_many_vanished_tickets_are_a_lost_right_and_left_alone(rig: Rig) -> None:
    """So many at once can't be deletions: one sentence, no ticket is marked."""
    plant_links(rig, range(60))
    rig.approve()
    rig.run_through("r1")
    assert "tickets_vanished" in rig.told("r1")
    assert not [record for record in rig.observed() if record.get("deleted") == "true"]


def test_an_instance_asleep_parks_the_reading(rig: Rig) -> None:
    """A page for people is no answer: the work waits, the run lives."""
    rig.simulator.fault("servicenow.table.list", "hibernation_200", times=1)
    rig.start("r1", "plan")
    rig.step("tickets")
    assert rig.queue("tickets").depth().parked == 1
    assert rig.runs.record("r1")["status"] == "running"


def ask(rig: Rig, run: str, unit: str, ids: list[str]) -> dict[str, Standing]:
    """Put a confirm item as the mapper does; answers what the collector says."""
    packed = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(ids))
    rig.store.client.set(rig.unit_blob(run, "missing:", unit), packed)
    rig.queue("confirm").put(Fence(rig.epoch, run), [Item(unit.encode(), 0, b"")])
    rig.work("confirm")
    assert unit in rig.bodies("finish")
    answers = rig.store.client.get(rig.unit_blob(run, "answers", unit))
    assert isinstance(answers, bytes)
    decoded = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(answers))
    return {finding: Standing(value) for finding, value in decoded.items()}


def planned(rig: Rig) -> None:
    rig.start("r1", "plan")
    rig.work("tickets", "plan")


def test_asking_again_tells_what_is_gone_from_what_is_there(rig: Rig, subscriptions: list[str]) -> None:
    """Present findings have their own standing; absent ones are gone, in a readable scope."""
    planned(rig)
    one = subscriptions[0]
    truth = {str(row["id"]).lower(): row for row in rig.truth() if f"/{one}/" in str(row["id"]).lower()}
    by_status: dict[str, str] = {}
    for finding, row in truth.items():
        if row.get("cause") is None:
            by_status.setdefault(str(row.get("status") or row.get("code")), finding)
    deleted = rig.change("delete_resource", count=1, subscription=one)
    gone = [finding for finding in truth if finding.startswith(deleted[0].lower() + "/")]
    asked = [f for f in by_status.values() if f not in gone] + gone
    answers = ask(rig, "r1", unit_of(one), asked)
    assert gone
    assert {answers[finding] for finding in gone} == {Standing.GONE}
    expected = {"Healthy": Standing.HEALTHY, "Unhealthy": Standing.OPEN}
    for status, finding in by_status.items():
        if status in expected and finding not in gone:
            assert answers[finding] == expected[status]


def test_what_can_not_be_read_is_lost_not_gone(rig: Rig, subscriptions: list[str]) -> None:
    """Without the role, or without the recommendation, absence tells nothing."""
    planned(rig)
    one = subscriptions[0]
    finding = next(str(row["id"]) for row in rig.truth() if f"/{one}/" in str(row["id"]).lower())
    rig.mode("role_lost", {"subscriptions": [one]})
    assert ask(rig, "r1", unit_of(one), [finding]) == {finding: Standing.LOST}
    assert "evidence_lost" in rig.told("r1")


def test_a_retired_recommendation_is_no_fix(rig: Rig, subscriptions: list[str]) -> None:
    """Rows of a recommendation that is no more are lost, not gone."""
    planned(rig)
    one = subscriptions[0]
    finding = (
        f"/subscriptions/{one}/providers/microsoft.security/assessments/00000000-0000-0000-0000-000000000000"
    )
    assert ask(rig, "r1", unit_of(one), [finding]) == {finding: Standing.LOST}


def test_a_killed_collector_is_made_good(rig: Rig, subscriptions: list[str]) -> None:
    """SIGKILL in the middle of reading: another process ends the run's reading with every row once."""
    rig.start("r1", "plan")
    barrier = rig.simulator.barrier("arg.query", "after", match="order by id asc", skip=6)
    victim = rig.spawn()
    rig.simulator.wait_held(barrier, seconds=60)
    victim.kill()
    victim.wait(10)
    rig.simulator.release(barrier, drop=True)
    with rig.worker():
        rig.eventually(
            lambda: (
                len(rig.bodies("map")) == len(subscriptions)
                and rig.runs.record("r1").get("tickets_read") == "1"
            )
        )
    rows = sorted(str(row["id"]).lower() for row in rig.rows("r1"))
    assert rows == sorted(str(row["id"]).lower() for row in rig.truth())
    assert all(unit.exact for unit in rig.units("r1").values())


def test_a_worker_reads_while_its_bells_are_lost(rig: Rig, subscriptions: list[str]) -> None:
    """The queue is never the only record of work: the sweep rings for what waits."""
    rig.start("r1", "plan")
    rig.lose_messages()
    with rig.worker():
        rig.eventually(lambda: len(rig.bodies("map")) == len(subscriptions))
