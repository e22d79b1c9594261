"""Mapping where tags decide the rule or the group: the unit waits for them, its pages with it."""

import pytest

from common.model.link import Link
from common.rules.loader import load_rules
from common.state.groups import Groups
from common.state.links import Links
from common.state.pages import Pages
from common.state.store import Fence, Store
from common.state.unit_tags import UnitTags
from tests.unit.services.mapper.conftest import SUB, Bench, row

TAGGED = """
version: 1
defaults:
  findings: {min_age: 0s}
  scope: {subscriptions: [all]}
rules:
  - id: owned
    when: {kind: recommendation, severity: [High], tags: {env: prod}}
    group: [tag:owner]
    ticket: {type: incident, assign: ["Cloud Security"]}
  - {id: rest, when: {}, skip: below_threshold}
"""


@pytest.fixture
def tagged(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A mapper whose one rule matches and groups by tags."""
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(TAGGED)
    return Bench(store, load_rules(path).to_json())


def resource(number: int) -> str:
    return str(row(number)["resourceId"]).lower()


def tags_of(bench: Bench, fence: Fence) -> UnitTags:
    return UnitTags(bench.store, "c", fence.run, bench.unit)


def answer(bench: Bench, fence: Fence, tags: dict[str, dict[str, str]]) -> None:
    """Answer as the collector's tags stage does, and map again."""
    tags_of(bench, fence).put(tags)
    bench.map._map(bench.views.current("c"), bench.record(fence))


def dirty(bench: Bench) -> list[bytes]:
    return sorted(Groups(bench.store, "c").dirty("owned"))


def test_a_unit_waits_for_the_tags_that_its_rules_read(tagged: Bench) -> None:
    """Only resources whose rule can't be told without are asked for; the pages stay."""
    fence = tagged.start()
    tagged.read(fence, [[row(1), row(2)], [row(3, "rec-b"), row(4, code="Healthy")]])
    assert tags_of(tagged, fence).wanted() == [resource(1), resource(2)]
    assert tagged.queue("tags").size() == 1
    assert tagged.record(fence).state == "read"
    assert Pages(tagged.store, "c", fence.run, tagged.unit, "a").manifest().complete
    assert dirty(tagged) == []


def test_tags_decide_rule_and_group(tagged: Bench) -> None:
    """What is not tagged so falls to the next rule; each value has a group; nothing is left in Redis."""
    fence = tagged.start()
    tagged.read(fence, [[row(1), row(2), row(3), row(4)]])
    tags = {
        resource(1): {"env": "prod", "owner": "Payments"},
        resource(2): {"env": "prod", "owner": "Web"},
        resource(3): {"env": "test", "owner": "Web"},
    }
    answer(tagged, fence, tags)
    record = tagged.record(fence)
    assert (record.state, record.matched, record.skipped) == ("done", 2, {"below_threshold": 2})
    facts = Groups(tagged.store, "c").facts(dirty(tagged))
    assert sorted(one.values for one in facts.values()) == [
        (("tag:owner", "Payments"),),
        (("tag:owner", "Web"),),
    ]
    assert tags_of(tagged, fence).read() is None
    assert tags_of(tagged, fence).wanted() == []
    assert Pages(tagged.store, "c", fence.run, tagged.unit, "a").manifest().pages == 0


@pytest.mark.parametrize("column", ["resource", "no resource"])
def test_a_tag_that_changes_moves_a_finding_that_is_the_same(tagged: Bench, column: str) -> None:
    """The row is as ever, so only the tags in its fingerprint tell; rows without a resource's id too."""
    rows = [row(1) if column == "resource" else {**row(1), "resourceId": None}]
    fence = tagged.start()
    tagged.read(fence, [rows])
    answer(tagged, fence, {resource(1): {"env": "prod", "owner": "Web"}})
    (web,) = dirty(tagged)
    Groups(tagged.store, "c").clean(fence, "owned", [web])
    same = tagged.start()
    tagged.read(same, [rows])
    answer(tagged, same, {resource(1): {"env": "prod", "owner": "Web"}})
    assert dirty(tagged) == []
    moved = tagged.start()
    tagged.read(moved, [rows])
    answer(tagged, moved, {resource(1): {"env": "prod", "owner": "Payments"}})
    assert len(dirty(tagged)) == 2
    assert Groups(tagged.store, "c").get_many([web])[0].aggregate.open == 0


def test_a_finding_stays_with_its_open_ticket_when_its_tag_changes(tagged: Bench) -> None:
    """Promise 9 holds for tags as for rules."""
    fence = tagged.start()
    tagged.read(fence, [[row(1)]])
    answer(tagged, fence, {resource(1): {"env": "prod", "owner": "Web"}})
    (web,) = dirty(tagged)
    made = Link("incident", "a" * 32, "INC1", 1, 1, "owned")
    Links(tagged.store, "c").replace(fence, {web: (None, made)})
    moved = tagged.start()
    tagged.read(moved, [[row(1)]])
    answer(tagged, moved, {resource(1): {"env": "test"}})
    assert Groups(tagged.store, "c").get_many([web])[0].aggregate.open == 1
    assert dirty(tagged) == [web]


def test_rules_without_tags_cost_nothing(bench: Bench) -> None:
    """The unit is mapped at once."""
    fence = bench.start()
    bench.read(fence, [[row(1)]])
    assert bench.record(fence).state == "done"
    assert bench.queue("tags").size() == 0


def test_nothing_is_asked_for_a_unit_in_which_no_finding_wants_tags(tagged: Bench) -> None:
    """Below the rule's severity, or fixed: the unit is mapped at once too."""
    fence = tagged.start()
    tagged.read(fence, [[row(1, "rec-b"), row(2, code="Healthy")]])
    assert tagged.record(fence).state == "done"
    assert tagged.queue("tags").size() == 0


def test_tags_of_fixed_findings_are_read_where_tickets_must_be_found_again(tagged: Bench) -> None:
    """After a loss of Redis a fixed finding must find its ticket, which its tags name."""
    fence = tagged.start()
    made = Link("incident", "a" * 32, "INC1", 1, 1, "owned")
    Links(tagged.store, "c").replace(fence, {b"GROUP001": (None, made)})
    tagged.read(fence, [[row(1, code="Healthy")]])
    assert tags_of(tagged, fence).wanted() == [resource(1)]
    assert SUB in resource(1)
