"""The ServiceNow clients against the simulator: what is stored, what is dropped, and each trouble typed."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from common.errors import Fatal
from common.http.deadline import Deadline
from common.http.errors import AnswerLost, HttpError, HttpFatal, HttpPark, HttpRetry, Throttled
from common.http.exchange import Exchange
from common.http.session import build_session
from common.http.signin import SignIn
from common.identity import correlation_id, identity_digest, sys_id_of
from common.servicenow import query as q
from common.servicenow.auth import Basic, BasicSignIn, ClientCredentials, Grant, OAuthSignIn, Password
from common.servicenow.batch import BatchClient, create_item, get_item, patch_item
from common.servicenow.changes import Mark
from common.servicenow.instance import Instance, instance_url
from common.servicenow.table import TableClient
from tests.simulator import Simulator

OVERLAP = timedelta(minutes=10)


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """An instance with its people, groups and other teams' tickets."""
    with Simulator(findings=200, seed=3) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def calm(sim: Simulator) -> Iterator[None]:
    """No faults are left behind."""
    yield
    sim.control("DELETE", "/faults")


def exchange(sim: Simulator) -> Exchange:
    return Exchange("servicenow", build_session(sim.ca, None, 4, "isthmus-test"))


def signed(sim: Simulator, sign_in: SignIn) -> Instance:
    url = instance_url(sim.servicenow, ["127.0.0.1", "localhost"])
    return Instance(url, sign_in, exchange(sim))


def instance(sim: Simulator, grant: Grant | None = None) -> Instance:
    secret = SecretStr(sim.servicenow_client_secret)
    how = grant or ClientCredentials(sim.servicenow_client_id, secret)
    return signed(sim, OAuthSignIn(sim.servicenow, how, exchange(sim)))


def table(sim: Simulator) -> TableClient:
    return TableClient(instance(sim))


def key(name: str) -> tuple[str, str]:
    """(correlation_id, sys_id) of a group of that name."""
    correlation = correlation_id("test", "incident", identity_digest("test", "rule", [("name", name)]), 1)
    return correlation, sys_id_of(correlation)


def ticket(name: str, **fields: str) -> dict[str, str]:
    correlation, sys_id = key(name)
    return {"sys_id": sys_id, "correlation_id": correlation, "short_description": name, **fields}


def fault(sim: Simulator, route: str, kind: str, **params: object) -> None:
    sim.control("POST", "/faults", json={"route": route, "kind": kind, "params": params})


def test_create_read_change(sim: Simulator) -> None:
    """Our sys_id is honoured; over-long text comes back cut; a change counts."""
    client, deadline = table(sim), Deadline(30)
    sent = ticket("crud", description="d", impact="2", urgency="2") | {"short_description": "s" * 200}
    made = client.create("incident", sent, ["short_description", "state"], deadline=deadline)
    assert (made["sys_id"], made["state"], len(made["short_description"])) == (sent["sys_id"], "1", 160)
    changed = client.patch("incident", made["sys_id"], {"urgency": "1"}, ["urgency"], deadline=deadline)
    assert (changed["urgency"], int(changed["sys_mod_count"])) == ("1", int(made["sys_mod_count"]) + 1)
    read = client.get("incident", made["sys_id"], ["urgency", "caller_id"], deadline=deadline)
    assert read == {"sys_id": made["sys_id"], "urgency": "1", "caller_id": ""}
    assert client.get("incident", "f" * 32, ["state"], deadline=deadline) is None


def test_look_up_by_key(sim: Simulator) -> None:
    """Those that exist answer, by correlation_id and by sys_id; over several requests."""
    client, deadline = table(sim), Deadline(60)
    for name in ("a", "b"):
        client.create("incident", ticket(f"look-up {name}"), deadline=deadline)
    names = [f"look-up {name}" for name in "abcdefgh"] * 8
    keys = [key(name)[0] for name in names] + [key(f"none {i}")[0] for i in range(60)]
    found = client.look_up("incident", "correlation_id", keys, ["state"], deadline=deadline)
    assert sorted(found) == sorted(key(f"look-up {name}")[0] for name in "ab")
    by_id = client.look_up("incident", "sys_id", [key(name)[1] for name in names], deadline=deadline)
    assert {row["sys_id"] for rows in by_id.values() for row in rows} == {
        key(f"look-up {name}")[1] for name in "ab"
    }


def test_a_mistyped_column_is_no_hit(sim: Simulator) -> None:
    """The instance ignores it and matches everything; the client does not believe it."""
    with pytest.raises(Fatal) as caught:
        table(sim).look_up("incident", "u_corelation_id", ["x"], deadline=Deadline(30))
    assert caught.value.reason == "key_column_unreadable"


def test_changes_are_read_in_pages_and_again_from_a_mark(sim: Simulator) -> None:
    """Twenty-five tickets of the same seconds come once; from the mark on, the changed ones."""
    client, deadline = table(sim), Deadline(60)
    for i in range(25):
        client.create("incident", ticket(f"changes {i}"), deadline=deadline)
    pages = list(client.changed_since("incident", "isth:test:", None, OVERLAP, 7, deadline=deadline))
    read = [row["sys_id"] for page in pages for row in page.records]
    wanted = {key(f"changes {i}")[1] for i in range(25)}
    assert wanted <= set(read)
    assert len(read) == len(set(read))
    # The clock of the instance goes on, so that the overlap is left behind.
    future = Mark("2099-01-01 00:00:00")
    assert not list(client.changed_since("incident", "isth:test:", future, OVERLAP, 7, deadline=deadline))
    again = list(
        client.changed_since("incident", "isth:test:", pages[-1].mark, OVERLAP, 100, deadline=deadline)
    )
    assert wanted <= {row["sys_id"] for page in again for row in page.records}


def test_batch_of_creates_and_reads(sim: Simulator) -> None:
    """Each item has its own answer; a repeated sys_id is refused as an insert that may stand."""
    client, deadline = BatchClient(instance(sim)), Deadline(30)
    first = [create_item(str(i), "incident", ticket(f"batch {i}")) for i in range(10)]
    made = client.execute(first, deadline=deadline)
    assert (made.unserviced, made.missing) == ((), ())
    assert {made.serviced[str(i)].record()["sys_id"] for i in range(10)} == {
        key(f"batch {i}")[1] for i in range(10)
    }
    mixed = client.execute(
        [
            create_item("again", "incident", ticket("batch 1")),
            patch_item("patch", "incident", key("batch 2")[1], {"urgency": "1"}, ["urgency"]),
            get_item("get", "incident", key("batch 3")[1], ["correlation_id"]),
            get_item("none", "incident", "e" * 32, ["state"]),
        ],
        deadline=deadline,
    ).serviced
    again, none = mixed["again"].error(), mixed["none"].error()
    assert again is not None
    assert (again.reason, again.acted) == ("insert_refused", True)
    assert mixed["patch"].record()["urgency"] == "1"
    assert mixed["get"].record()["correlation_id"] == key("batch 3")[0]
    assert none is not None
    assert none.reason == "no_record"


def test_batch_that_is_cut_off_names_the_rest(sim: Simulator) -> None:
    """Unserviced items are told apart from those that were carried out."""
    fault(sim, "servicenow.batch", "unserviced", count=2)
    items = [create_item(str(i), "incident", ticket(f"cut {i}")) for i in range(5)]
    answer = BatchClient(instance(sim)).execute(items, deadline=Deadline(30))
    assert len(answer.serviced) + len(answer.unserviced) == 5
    assert answer.unserviced


@pytest.mark.parametrize(
    ("kind", "error", "reason", "acted"),
    [
        ("429_semaphore", Throttled, "semaphore", False),
        ("429_rate_rule", Throttled, "rate_limited", False),
        ("500_before", HttpRetry, None, True),
        ("500_after_commit", HttpRetry, None, True),
        ("403_after_insert", HttpFatal, None, True),
        ("reset_before", AnswerLost, "answer_lost", True),
        ("reset_after_commit", AnswerLost, "answer_lost", True),
        ("truncated_200", HttpRetry, "truncated_answer", True),
        ("hibernation_200", HttpPark, "instance_asleep", False),
        ("502_html", HttpPark, "not_json", True),
    ],
)
def test_faults_on_create_are_typed(
    sim: Simulator, kind: str, error: type[HttpError], reason: str | None, acted: bool
) -> None:
    """Where a create may stand, the error says so; reading then settles it."""
    client, deadline = table(sim), Deadline(30)
    fault(sim, "servicenow.table.create", kind)
    with pytest.raises(error) as caught:
        client.create("incident", ticket(kind), deadline=deadline)
    assert caught.value.reason == (reason or caught.value.reason)
    stands = client.get("incident", key(kind)[1], ["correlation_id"], deadline=deadline)
    assert caught.value.acted is acted
    assert stands is None or acted
    if kind in ("500_after_commit", "403_after_insert", "reset_after_commit", "truncated_200"):
        assert stands is not None


def test_late_commit_is_a_lost_answer(sim: Simulator) -> None:
    """The connection is cut now and the insert lands later: absent at first, there afterwards."""
    client, deadline = table(sim), Deadline(30)
    fault(sim, "servicenow.table.create", "commit_late", seconds=1.0)
    with pytest.raises(AnswerLost):
        client.create("incident", ticket("late"), deadline=deadline)
    assert client.get("incident", key("late")[1], ["state"], deadline=deadline) is None
    while not client.look_up("incident", "correlation_id", [key("late")[0]], deadline=deadline):
        assert not deadline.passed, "the late insert never landed"
        time.sleep(0.1)


def test_off_list_choice_shows_in_the_answer(sim: Simulator) -> None:
    """A wrong close_code is refused under another name, and a right one is found by reading the choices."""
    client, deadline = table(sim), Deadline(30)
    made = client.create("incident", ticket("resolve"), deadline=deadline)
    codes = [choice.value for choice in client.choices("incident", "close_code", deadline=deadline)]
    assert codes
    fields = {"state": "6", "close_code": "No such code", "close_notes": "fixed"}
    with pytest.raises(HttpFatal) as caught:
        client.patch("incident", made["sys_id"], fields, deadline=deadline)
    assert caught.value.reason == "data_policy"
    fields["close_code"] = codes[0]
    done = client.patch("incident", made["sys_id"], fields, ["state"], deadline=deadline)
    assert done["state"] == "6"


def test_people_groups_and_counts(sim: Simulator) -> None:
    """Whoami, groups by name, and the count of our own tickets."""
    client, deadline = table(sim), Deadline(30)
    me = client.me(sim.servicenow_user, deadline=deadline)
    assert me is not None
    assert me["user_name"] == sim.servicenow_user
    rows, _ = client.page("sys_user_group", "", ["name"], limit=3, deadline=deadline)
    names = [row["name"] for row in rows]
    groups = client.groups([*names, "No Such Group"], deadline=deadline)
    assert sorted(groups) == sorted(set(names))
    ours = client.count("incident", q.starts_with("correlation_id", "isth:test:"), deadline=deadline)
    pages = client.changed_since("incident", "isth:test:", None, OVERLAP, 500, deadline=deadline)
    assert ours == sum(len(page.records) for page in pages)


def test_unreadable_tables_are_told(sim: Simulator) -> None:
    """The narrow user can't read the dictionary: a typed refusal or nothing, never rows."""
    client = table(sim)
    try:
        rows, _ = client.page("sys_dictionary", "", ["element"], limit=5, deadline=Deadline(30))
    except HttpFatal as error:
        assert error.reason == "no_read_right"  # noqa: PT017 - either answer is right
    else:
        assert rows == []
    with pytest.raises(HttpFatal) as caught:
        client.page("no_such_table", "", ["name"], limit=5, deadline=Deadline(30))
    assert caught.value.reason == "invalid_table"


def test_every_sign_in_works(sim: Simulator) -> None:
    """Password grant, and Basic for a web-service-only user."""
    secret = SecretStr(sim.servicenow_client_secret)
    password = SecretStr(sim.servicenow_password)
    grant = Password(sim.servicenow_client_id, secret, sim.servicenow_user, password)
    assert TableClient(instance(sim, grant)).me(sim.servicenow_user, deadline=Deadline(30))
    basic = BasicSignIn(Basic(sim.servicenow_user, password), allow_basic=True)
    assert TableClient(signed(sim, basic)).me(sim.servicenow_user, deadline=Deadline(30))


def test_wrong_secrets_are_for_a_person(sim: Simulator) -> None:
    """401 server_error ends at once, by OAuth and by Basic."""
    wrong = ClientCredentials(sim.servicenow_client_id, SecretStr("wr0ng"))
    basic = BasicSignIn(Basic(sim.servicenow_user, SecretStr("wr0ng")), allow_basic=True)
    for one in (instance(sim, wrong), signed(sim, basic)):
        with pytest.raises(HttpFatal) as caught:
            TableClient(one).me("x", deadline=Deadline(30))
        assert caught.value.reason == "signin_refused"
        assert "wr0ng" not in str(caught.value)
