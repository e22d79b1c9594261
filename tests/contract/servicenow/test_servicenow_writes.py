"""What the instance does with writes: rules, policies, drops, cuts, and modes where evidence disagrees."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.servicenow.servicenow_host import INCIDENT, Host

OURS = "isth:prod:incident:abcdefghijklmnopqrstuvwxyz:1"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with Host(tmp_path_factory.mktemp("ca")) as host:
        yield host


@pytest.fixture
def host(running: Host) -> Iterator[Host]:
    yield running
    running.reset()


def error(response: Any) -> str:
    assert response.status_code == 403, response.text
    return str(response.json()["error"]["detail"])


def test_unknown_read_only_and_protected_fields_are_dropped(host: Host) -> None:
    """Fields that don't exist, are read-only or protected by an ACL vanish with 201."""
    made = host.create(
        u_isthmus="x", number="INC1", priority="1", closed_at="2020-01-01 00:00:00", made_sla="false"
    )
    assert "u_isthmus" not in made
    assert made["number"] != "INC1"
    assert (made["priority"], made["closed_at"], made["made_sla"]) == ("5", "", "true")


def test_a_field_by_a_write_acl_of_the_mode(host: Host) -> None:
    """Mode acl_drop_fields: dropped with 200, and sys_mod_count stays."""
    host.mode("acl_drop_fields", {"task": ["correlation_display"]})
    made = host.create(correlation_display="stamp")
    assert made["correlation_display"] == ""
    assert (
        host.patch("incident", made["sys_id"], correlation_display="x").json()["result"]["sys_mod_count"]
        == "0"
    )


def test_over_long_text_is_cut_and_echoed(host: Host) -> None:
    """A varchar keeps its length; a column called 4000 is a mediumtext and keeps all."""
    made = host.create(short_description="é" * 200, description="d" * 5000, correlation_id="c" * 120)
    assert made["short_description"] == "é" * 160
    assert len(made["description"]) == 5000
    assert len(made["correlation_id"]) == 100


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [("impact", "9", "3"), ("category", "security", "inquiry"), ("contact_type", "api", "")],
)
def test_off_list_choices_are_lost(host: Host, field: str, value: str, stored: str) -> None:
    """An off-list value becomes the default, or nothing; with the property it is kept."""
    assert host.create(**{field: value})[field] == stored
    host.mode("choice_allow_non_existing", value=True)
    assert host.create(**{field: value})[field] == value


def test_off_list_close_code_trips_the_data_policy(host: Host) -> None:
    """The error names the mandatory field, never the rejected value; the legacy set is another one."""
    made = host.create(short_description="x")
    values = {"state": "6", "close_notes": "Done.", "close_code": "Solved (Permanently)"}
    wanted = "Data Policy Exception: The following fields are mandatory: Resolution code"
    assert error(host.patch("incident", made["sys_id"], **values)) == wanted
    host.mode("close_codes", "legacy")
    assert host.patch("incident", made["sys_id"], **values).status_code == 200
    codes = host.find("sys_choice", "name=incident^element=close_code^inactive=false")
    assert "Solved (Permanently)" in [row["value"] for row in codes]


def test_unresolvable_references(host: Host) -> None:
    """Emptied by default, kept cut at 32 by mode; a display value counts only if asked for."""
    assert host.create(assignment_group="Identity")["assignment_group"] == ""
    path = f"{INCIDENT}?sysparm_input_display_value=true&sysparm_display_value=true"
    by_name = host.call("POST", path, {"assignment_group": "Identity"}).json()["result"]
    assert by_name["assignment_group"]["display_value"] == "Identity"
    host.mode("reference_keep_unresolved", value=True)
    kept = host.create(caller_id={"link": "https://instance.service-now.com/x"})["caller_id"]
    assert kept == "{link=https://instance.service-n"[:32]


def test_client_sys_id_and_the_second_insert(host: Host) -> None:
    """A chosen sys_id is honoured; again it fails, also on another table of task; by mode it is ignored."""
    chosen = "0123456789abcdef0123456789abcdef"
    assert host.create(sys_id=chosen)["sys_id"] == chosen
    again = host.call("POST", INCIDENT, {"sys_id": chosen})
    assert error(again).startswith("Error during insert of incident (INC")
    assert error(host.call("POST", "/api/now/table/problem", {"sys_id": chosen})).startswith(
        "Error during insert"
    )
    host.mode("sys_id_ignored", value=True)
    assert host.create(sys_id=chosen)["sys_id"] != chosen


def test_no_uniqueness_on_correlation_id(host: Host) -> None:
    """Two records may carry one correlation_id."""
    host.create(correlation_id=OURS)
    host.create(correlation_id=OURS)
    assert len(host.find("incident", f"correlation_id={OURS}")) == 2


def test_a_write_without_change_moves_nothing(host: Host) -> None:
    """sys_mod_count and sys_updated_on move with real changes only, and a note is one."""
    made = host.create(short_description="x")
    host.clock.advance(10)
    same = host.patch("incident", made["sys_id"], short_description="x", bunk="y").json()["result"]
    noted = host.patch("incident", made["sys_id"], work_notes="a note").json()["result"]
    host.clock.reset()
    assert (same["sys_mod_count"], same["sys_updated_on"]) == ("0", made["sys_updated_on"])
    assert (noted["sys_mod_count"], noted["work_notes"]) == ("1", "")
    assert noted["sys_updated_on"] > made["sys_updated_on"]


def test_a_repeated_note_is_doubled(host: Host) -> None:
    """Each PATCH with work_notes appends; an administrator reads them from sys_journal_field."""
    made = host.create(short_description="x")
    for _ in range(2):
        host.patch("incident", made["sys_id"], work_notes="12 of 40 fixed")
    query = {"sysparm_query": f"element_id={made['sys_id']}^element=work_notes^ORDERBYsys_created_on"}
    rows = host.call("GET", "/api/now/table/sys_journal_field", params=query, auth=host.administrator)
    assert [row["value"] for row in rows.json()["result"]] == ["12 of 40 fixed"] * 2


def test_reopen_counts_and_close_locks(host: Host) -> None:
    """6 to 2 counts a reopen; a record in 7 swallows our writes with 200, or refuses them by mode."""
    sys_id = host.create(short_description="x")["sys_id"]
    codes = {"close_code": "Solution provided", "close_notes": "Done."}
    host.patch("incident", sys_id, state="6", **codes)
    reopened = host.patch("incident", sys_id, state="2").json()["result"]
    assert (reopened["reopen_count"], reopened["resolved_at"]) == ("1", "")
    host.on_loop(lambda: host.instance.change({"op": "close", "sys_id": sys_id}))
    swallowed = host.patch("incident", sys_id, state="2").json()["result"]
    assert (swallowed["state"], swallowed["active"]) == ("7", "false")
    assert swallowed["closed_at"] != ""
    host.mode("closed_record", "abort")
    assert error(host.patch("incident", sys_id, state="2")).startswith("ACL Exception Update Failed")


def test_on_hold_needs_a_reason(host: Host) -> None:
    """State 3 without hold_reason is a data policy's 403."""
    sys_id = host.create(short_description="x")["sys_id"]
    assert error(host.patch("incident", sys_id, state="3")).endswith("On hold reason")
    assert host.patch("incident", sys_id, state="3", hold_reason="1").json()["result"]["state"] == "3"


@pytest.mark.parametrize(
    ("impact", "urgency", "priority"),
    [("1", "1", "1"), ("1", "3", "3"), ("2", "3", "4"), ("3", "2", "4")],
)
def test_priority_is_looked_up(host: Host, impact: str, urgency: str, priority: str) -> None:
    """Impact and urgency give the priority, whatever was sent."""
    assert host.create(impact=impact, urgency=urgency, priority="2")["priority"] == priority


def test_problem_state_by_rest(host: Host) -> None:
    """Unmoved with 200 by default, aborted by the state model in the other mode, on create, too."""
    made = host.create("problem", short_description="p", state="103")
    assert (made["state"], made["problem_state"]) == ("101", "101")
    assert host.patch("problem", made["sys_id"], state="106").json()["result"]["state"] == "101"
    host.mode("problem_state", "abort")
    rule = "was aborted by Business Rule 'Problem Model: Check State Transition^"
    assert rule in error(host.patch("problem", made["sys_id"], state="106"))
    assert rule in error(host.call("POST", "/api/now/table/problem", {"state": "103"}))
    assert error(host.patch("problem", made["sys_id"], state="102")).endswith("Assigned to")


def test_change_state_by_rest(host: Host) -> None:
    """A late state lands in New or aborts; steps follow the model; approvals are not the client's."""
    made = host.create("change_request", short_description="c", state="3")
    assert (made["state"], made["type"]) == ("-5", "normal")
    text = (
        "was aborted by Business Rule 'Change Model: Check State Transition^b6dae9e15317101034d1ddeeff7b1278'"
    )
    assert text in error(host.patch("change_request", made["sys_id"], state="-1"))
    assert text in error(host.patch("change_request", made["sys_id"], state="-4"))
    group = host.find("sys_user_group", "name=Network")[0]["sys_id"]
    stepped = host.patch("change_request", made["sys_id"], state="-4", assignment_group=group)
    assert stepped.json()["result"]["state"] == "-4"
    assert text in error(host.patch("change_request", made["sys_id"], state="-3"))
    host.mode("change_insert", "abort")
    assert text in error(host.call("POST", "/api/now/table/change_request", {"state": "3"}))
    assert host.create("change_request", state="-4")["state"] == "-4"


def test_change_api_tells_ignored_fields(host: Host) -> None:
    """sn_chg_rest: 200 on POST, typed values, ignored fields, next states."""
    answer = host.call("POST", "/api/sn_chg_rest/change/normal", {"short_description": "c", "bunk": "x"})
    record = answer.json()["result"]
    assert answer.status_code == 200
    assert record["__meta"] == {"ignoredFields": ["bunk"]}
    assert record["state"] == {"display_value": "New", "value": -5.0}
    assert record["cab_required"]["value"] is False
    sys_id = record["sys_id"]["value"]
    following = host.call("GET", f"/api/sn_chg_rest/change/{sys_id}/nextstates").json()["result"]
    assert set(following["state_label"].values()) == {"New", "Assess", "Canceled"}


def test_import_set_answers_201_even_on_error(host: Host) -> None:
    """inserted, then updated by coalesce, then an error inside a 201."""
    path = "/api/now/import/u_isthmus_import"
    body = {"short_description": "i", "correlation_id": OURS}
    statuses = [host.call("POST", path, body).json()["result"][0]["status"] for _ in range(2)]
    assert statuses == ["inserted", "updated"]
    host.mode("import_transform_error", value=True)
    failed = host.call("POST", path, body)
    assert (failed.status_code, failed.json()["result"][0]["status"]) == (201, "error")


def test_read_back_blocked(host: Host) -> None:
    """403 on POST although the row was inserted."""
    host.mode("read_back_blocked", value=True)
    assert error(host.call("POST", INCIDENT, {"correlation_id": OURS})).startswith(
        "ACL Exception Insert Failed"
    )
    assert len(host.find("incident", f"correlation_id={OURS}")) == 1


@pytest.mark.parametrize("later", [False, True])
def test_a_rule_rewrites_our_field(host: Host, later: bool) -> None:
    """At once within our write, or a moment later in a transaction of its own as our user."""
    host.mode(
        "rule_rewrites_field", {"field": "short_description", "suffix": " [x]", "async": later, "delay": 0.05}
    )
    made = host.create(short_description="a")
    assert made["short_description"] == ("a" if later else "a [x]")
    time.sleep(0.3)
    record = host.call("GET", f"{INCIDENT}/{made['sys_id']}").json()["result"]
    assert record["short_description"] == "a [x]"
    assert record["sys_mod_count"] == ("1" if later else "0")
    assert record["sys_updated_by"] == host.options.user


def test_people_change_tickets(host: Host) -> None:
    """Control's operations act as abel.tuter on our tickets; silent ones move no timestamp."""
    for n in range(4):
        host.create(correlation_id=f"{OURS[:-1]}{n}")
    changed = host.on_loop(
        lambda: host.instance.change({"op": "edit", "count": 2, "fields": {"urgency": "1"}})
    )
    assert len(changed["sys_ids"]) == 2
    rows = host.find("incident", "correlation_idSTARTSWITHisth:^urgency=1")
    assert {row["sys_updated_by"] for row in rows} == {"abel.tuter"}
    assert {row["sys_mod_count"] for row in rows} == {"1"}
    host.mode("silent_updates", value=True)
    host.on_loop(lambda: host.instance.change({"op": "resolve", "share": 1.0, "seed": 1}))
    rows = host.find("incident", "correlation_idSTARTSWITHisth:")
    assert {row["state"] for row in rows} == {"6"}
    assert {row["sys_mod_count"] for row in rows} == {"0", "1"}


def test_writes_are_counted_even_without_effect(host: Host) -> None:
    """The witness counts each accepted write of our user on our records, and nobody else's."""
    made = host.create(correlation_id=OURS, short_description="x")
    host.patch("incident", made["sys_id"], short_description="x")
    host.create(correlation_id="nagios:1")
    host.on_loop(lambda: host.instance.change({"op": "note", "sys_id": made["sys_id"]}))
    assert host.instance.writes == {"incident": 2}


def test_deletion_by_a_person_leaves_an_audit_row(host: Host) -> None:
    """The record is gone; sys_audit_delete tells administrators."""
    sys_id = host.create(short_description="x")["sys_id"]
    host.on_loop(lambda: host.instance.change({"op": "delete", "sys_id": sys_id}))
    assert host.call("GET", f"{INCIDENT}/{sys_id}").status_code == 404
    query = {"sysparm_query": f"documentkey={sys_id}"}
    rows = host.call("GET", "/api/now/table/sys_audit_delete", params=query, auth=host.administrator)
    assert [row["tablename"] for row in rows.json()["result"]] == ["incident"]


def test_attachment_by_multipart(host: Host) -> None:
    """table_name, table_sys_id and the file as parts of a form; then listed, read and downloaded."""
    sys_id = host.create(short_description="x")["sys_id"]
    form = {"table_name": "incident", "table_sys_id": sys_id}
    files = {"uploadFile": ("a.csv", b"id,name\n1,\xc3\xa9\n", "text/csv")}
    made = host.session.post(f"{host.http}/api/now/attachment/upload", data=form, files=files, timeout=10)
    assert made.status_code == 201, made.text
    listed = host.call("GET", f"/api/now/attachment?sysparm_query=table_sys_id={sys_id}").json()["result"]
    assert [(row["file_name"], row["size_bytes"], row["content_type"]) for row in listed] == [
        ("a.csv", "13", "text/csv")
    ]
    assert host.session.get(listed[0]["download_link"], timeout=10).content == b"id,name\n1,\xc3\xa9\n"
