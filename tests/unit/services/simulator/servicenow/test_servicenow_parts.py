"""Parts of the simulated instance on their own: dictionary, store, tokens, seed, modes, limits."""

import asyncio
import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.simulator.clock import Clock
from services.simulator.gate import Gate
from services.simulator.options import servicenow_options
from services.simulator.servicenow import Instance, build
from services.simulator.servicenow.acl import User
from services.simulator.servicenow.coerce import as_text, cut
from services.simulator.servicenow.dictionary.schema import build_schema
from services.simulator.servicenow.errors import ApiError
from services.simulator.servicenow.modes import DEFINITIONS, Modes
from services.simulator.servicenow.numbers import Numbers
from services.simulator.servicenow.oauth import JWT_BEARER, Refused, Tokens
from services.simulator.servicenow.store import TableStore
from services.simulator.servicenow.traffic import Limits, Traffic

CLIENT = ("id", "secret")
ACCOUNTS = {"us": User("us", "1", frozenset(), "pw"), "other": User("other", "2", frozenset(), "pw")}


def instance(seed: int = 1) -> Instance:
    clock = Clock()
    return build(servicenow_options(seed, "none"), Gate(clock), clock)


def tokens(now: float = 0.0) -> Tokens:
    return Tokens(CLIENT, "us", lambda: now, lambda: 1800, 1)


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_incident_has_the_known_lengths() -> None:
    """Lengths that the product has to respect (servicenow-api 1.9)."""
    columns = build_schema()["incident"].columns
    lengths = {
        name: columns[name].length for name in ("short_description", "correlation_id", "correlation_display")
    }
    assert lengths == {"short_description": 160, "correlation_id": 100, "correlation_display": 100}


def test_every_choice_default_is_on_its_list() -> None:
    """A default that its own choice list does not know would be lost on insert."""
    for table in build_schema().values():
        for column in table.columns.values():
            if column.choice_list and column.default:
                assert column.default in column.choices, f"{table.name}.{column.name}"


def test_every_reference_in_the_schema_is_checked() -> None:
    """Reference columns are 32 long and name a table."""
    for table in build_schema().values():
        for column in table.columns.values():
            assert column.kind != "reference" or (column.reference and column.length == 32)


def test_store_follows_changes_of_keys_and_times() -> None:
    """Indexes forget the old value and know the new one; a removed row is nowhere."""
    store = TableStore(build_schema()["incident"])
    store.add({"sys_id": "b", "sys_updated_on": "2026-01-01 00:00:01", "correlation_id": "X"})
    store.add({"sys_id": "a", "sys_updated_on": "2026-01-01 00:00:01", "correlation_id": "x"})
    assert store.matching("correlation_id", "x") == ["b", "a"]
    store.replace({"sys_id": "b", "sys_updated_on": "2026-01-01 00:00:00", "correlation_id": "y"})
    assert store.matching("correlation_id", "X") == ["a"]
    assert [key[19:] for key in store.by_update] == ["b", "a"]
    store.remove("b")
    assert (store.matching("correlation_id", "y"), store.by_id, len(store.by_update)) == ([], ["a"], 1)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (True, "true"),
        (None, ""),
        (3, "3"),
        (3.0, "3.0"),
        ({"a": {"b": 1}}, "{a={b=1}}"),
        (["x", 1], "[x, 1]"),
    ],
)
def test_json_values_as_java_prints_them(raw: Any, text: str) -> None:
    """Numbers, objects and arrays become the text that the Table API stores."""
    assert as_text(raw) == text


def test_mediumtext_is_cut_at_its_bytes() -> None:
    """What the dictionary calls longer than 255 holds 16,777,215 bytes, and no half character."""
    assert len(cut("é" * 9_000_000, 4000).encode()) == 16_777_214
    assert cut("x" * 300, 255) == "x" * 255


def test_numbers_have_gaps() -> None:
    """Counters rise per prefix and leave gaps; the same seed gives the same numbers."""
    numbers, twin = Numbers(3), Numbers(3)
    made = [int(numbers.next("INC")[3:]) for _ in range(200)]
    assert made == sorted(set(made))
    assert made[-1] - made[0] > 200
    assert [int(twin.next("INC")[3:]) for _ in range(200)] == made


def test_same_seed_same_instance() -> None:
    """sys_ids of seed records depend on the seed only."""
    first, second, other = (
        [row["sys_id"] for row in made.records("sys_user_group")]
        for made in (instance(), instance(), instance(2))
    )
    assert first == second
    assert first != other


def test_reset_brings_back_the_seed() -> None:
    """Records, modes, limits and the count of writes are as at the start; commit hooks stay."""
    made = instance()
    before = [row["sys_id"] for row in made.records("incident")]
    seen: list[str] = []
    made.on_commit(
        lambda table, operation, record, by: seen.append(f"{table} {operation} {by} {record['state']}")
    )
    made.set_mode("sys_id_ignored", value=True)
    made.change({"op": "resolve", "sys_id": before[0]})
    made.reset()
    made.change({"op": "cancel", "sys_id": before[0]})
    assert seen == ["incident update abel.tuter 6", "incident update abel.tuter 8"]
    assert [row["sys_id"] for row in made.records("incident")] == before
    assert made.modes()["sys_id_ignored"] is False


def test_items_can_be_added_by_control() -> None:
    """Configuration items with an object_id come in as an administrator's rows."""
    made = instance()
    rows = [{"name": "vm-x", "object_id": "/subscriptions/1/vm-x", "sys_class_name": "cmdb_ci_vm_instance"}]
    made.change({"op": "insert", "table": "cmdb_ci_vm_instance", "rows": rows})
    assert [row["name"] for row in made.records("cmdb_ci_vm_instance") if row["object_id"]] == ["vm-x"]


@pytest.mark.parametrize(
    "op",
    [
        {"op": "explode", "count": 1},
        {"op": "edit", "count": 1},
        {"op": "edit", "urgency": "1"},
        {"op": "edit", "sys_id": "nope", "urgency": "1"},
        {"op": "edit", "table": "nope", "count": 1},
    ],
)
def test_senseless_changes_are_named(op: dict[str, Any]) -> None:
    """A wrong operation is a ValueError with a sentence."""
    with pytest.raises(ValueError, match=r"\."):
        instance().change(op)


def test_modes_know_their_values() -> None:
    """Unknown names and values are refused; None goes back to the default."""
    modes = Modes()
    with pytest.raises(ValueError, match="No such mode"):
        modes.set("nope", 1)
    with pytest.raises(ValueError, match="takes one of"):
        modes.set("problem_state", "maybe")
    with pytest.raises(ValueError, match="takes an object"):
        modes.set("hidden_rows", "x")
    modes.set("problem_state", "abort")
    modes.set("problem_state", None)
    assert modes["problem_state"] == DEFINITIONS["problem_state"].default


def test_client_credentials_give_no_refresh_token() -> None:
    """The token is our user's, and there is no refresh token with it."""
    book = tokens()
    answer = book.grant({"grant_type": "client_credentials"}, CLIENT, ACCOUNTS, "")
    assert book.user_of(answer["access_token"]) == "us"
    assert "refresh_token" not in answer


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "password", "username": "us", "password": "no"},
        {"grant_type": "refresh_token", "refresh_token": "x"},
        {"grant_type": "authorization_code"},
        {"grant_type": JWT_BEARER, "assertion": "a.b"},
        {"grant_type": "client_credentials", "client_id": "id", "client_secret": "no"},
    ],
)
def test_every_failure_is_the_same(form: dict[str, str]) -> None:
    """Nothing tells a wrong password from a wrong grant."""
    basic = None if "client_id" in form else CLIENT
    with pytest.raises(Refused):
        tokens().grant(form, basic, ACCOUNTS, "")


@pytest.mark.parametrize(("expires", "valid"), [(60, True), (-1, False)])
def test_jwt_bearer_by_rs256(expires: int, valid: bool) -> None:
    """With a registered key the assertion is checked against it, and against its expiry."""
    private = generate_private_key(65537, 2048)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    claims = {"iss": "id", "aud": "instance", "sub": "other", "exp": expires}
    text = f"{part({'alg': 'RS256'})}.{part(claims)}"
    signed = f"{text}.{part(private.sign(text.encode(), PKCS1v15(), hashes.SHA256()))}"
    form = {"grant_type": JWT_BEARER, "assertion": signed}
    book = tokens()
    if valid:
        assert book.user_of(book.grant(form, CLIENT, ACCOUNTS, pem)["access_token"]) == "other"
    else:
        with pytest.raises(Refused):
            book.grant(form, CLIENT, ACCOUNTS, pem)


def test_a_cancelled_waiter_gives_its_place_back() -> None:
    """A request that is given up while waiting for a semaphore does not leak it."""

    async def work() -> int:
        traffic = Traffic(Clock(), Modes(), Limits.of("realistic", {"semaphores": 1, "queue": 1}))
        entered = asyncio.Event()
        leave = asyncio.Event()

        async def hold() -> None:
            async with traffic.slot(""):
                entered.set()
                await leave.wait()

        first = asyncio.create_task(hold())
        await entered.wait()
        second = asyncio.create_task(hold())
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="Too Many Requests"):
            await hold()
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        leave.set()
        await first
        await hold()
        return traffic.active

    assert asyncio.run(work()) == 0
