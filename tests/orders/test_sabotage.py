"""What the orders are worth: each safeguard that is taken out makes one order go wrong, and only then.

Scripts are patched in the test's own copy of the store, everything else by monkeypatch: nothing in the
product knows of it. In the orders `w` is a wipe, `n` a newer run, `a` an order put again, `c` a closing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import redis

from common.runtime.drain import Lease
from common.state.intents import Intents
from services.servicenow_writer.desk import Desk
from tests.orders import test_mapper_orders as mapper
from tests.orders import test_writer_orders as writer
from tests.orders.mapping_world import rules_json
from tests.orders.stepping import Patches
from tests.orders.writing_world import Access

EVENTS = {"w": "wipe", "n": "newer", "a": "again", "c": "close"}
EPOCH = {"fence": ("~= ARGV[1] then", "== 'no epoch' then")}
RUN = {"fence": ("redis.call('HGET', KEYS[2], 'run') ~= ARGV[2]", "false")}
VERSION = "if version == ARGV[4] then return 0 end\nif version ~= ARGV[3] then"
SWAP = "if now == ARGV[i + 1] or now == ARGV[i + 2] then"
SEQ = "if body and string.sub(body, 1, 16) ~= ARGV[i + 1] then"


@dataclass(frozen=True)
class Sabotage:
    """A safeguard taken out of scripts or of (owner, name, instead), and the order that shows it."""

    order: str
    patches: Patches = field(default_factory=dict)
    instead: Iterable[tuple[Any, str, Any]] = ()
    lost: str = ""

    @property
    def played(self) -> list[str]:
        return [EVENTS.get(letter, letter) for letter in self.order]


def _rebuilt(standing: Callable[[Desk], Any]) -> Callable[[Desk], Any]:
    return lambda desk: replace(standing(desk), rebuilt=True)


def _blind(access: Access, *_: Any, **__: Any) -> dict[str, Any]:
    access._gate("look")
    return {}


ALWAYS = ((Lease, "holds", lambda *_: True), (Lease, "remaining", 60.0))
WRITER: Mapping[str, Sabotage] = {
    "intents off": Sabotage("AABBBBAAAB", instead=[(Intents, "note", lambda *_: None)]),
    "look-up off": Sabotage("AAAAABBBBB", instead=[(Access, "look_up", _blind)], lost="A"),
    "lease not checked": Sabotage("AABBAABBAB", instead=ALWAYS),
    "epoch not compared": Sabotage("AAwAAABBBBB", EPOCH),
    "run not compared": Sabotage("AAnAAABBBBB", RUN),
    "rebuilt not compared": Sabotage("AAAwBBBAABB", instead=[(Desk, "standing", _rebuilt(Desk.standing))]),
    "seq not compared": Sabotage("AAaAAABBBBB", {"settle": (SEQ, "if false then")}),
}
MAPPER: Mapping[str, Sabotage] = {
    "epoch not compared": Sabotage("AAwAAABBBBB", EPOCH),
    "run not compared": Sabotage("AAnAAABBBBB", RUN),
    "version not compared": Sabotage("AAABBBAABB", {"commit_unit": (VERSION, "if false then")}),
    "record not compared": Sabotage("AcBAABBBAAB", {"swap": (SWAP, "if true then")}),
}


@pytest.fixture
def rules(tmp_path_factory: pytest.TempPathFactory) -> str:
    return rules_json(tmp_path_factory.mktemp("rules"))


@pytest.mark.parametrize("name", WRITER)
def test_a_sabotaged_writer_is_caught(
    redis_client: redis.Redis, rules: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sabotage = WRITER[name]
    assert writer.Play(redis_client, rules)(sabotage.played, sabotage.lost) == []
    for one in sabotage.instead:
        monkeypatch.setattr(*one)
    assert writer.Play(redis_client, rules, sabotage.patches)(sabotage.played, sabotage.lost)


@pytest.mark.parametrize("name", MAPPER)
def test_a_sabotaged_mapper_is_caught(redis_client: redis.Redis, rules: str, name: str) -> None:
    sabotage = MAPPER[name]
    assert mapper.Play(redis_client, rules)(sabotage.played) == []
    assert mapper.Play(redis_client, rules, sabotage.patches)(sabotage.played)
