"""Rule files as people write them: every mistake at once, each with its place and mend."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.rules import RuleErrors, RuleSet, load_rules, parse_rules
from common.rules.individual import model_of
from common.rules.lint import lint_rules
from common.rules.ruleset import Predicate
from common.rules.scalars import parse_duration

RULE = "  - {id: a, when: {severity: High}, group: recommendation, ticket: {assign: [Team]}}\n"
HEAD = "version: 1\nrules:\n"


def mistakes(text: str) -> list[tuple[int, str, str, str]]:
    with pytest.raises(RuleErrors) as caught:
        parse_rules(text, "rules.yaml")
    assert all(e.file == "rules.yaml" for e in caught.value.errors)
    return [(e.line, e.path, e.problem, e.mend) for e in caught.value.errors]


def test_all_mistakes_are_told_at_once() -> None:
    """Mistakes in defaults, in several rules and at the top level come in one error, in file order."""
    text = """version: 1
defaults:
  resolve: {quit: 24h}
rules:
  - id: A_b
    when: {severity: [Hihg]}
    group: [place]
  - {id: x, when: {}, skip: fine_reason, ticket: {due: 3x}}
rulez: 3
"""
    found = mistakes(text)
    assert [(line, path) for line, path, _, _ in found] == [
        (3, "defaults.resolve.quit"),
        (5, "rules[0].id"),
        (6, "rules[0].when.severity[0]"),
        (7, "rules[0].group[0]"),
        (8, "rules[1].ticket.due"),
        (9, "rulez"),
    ]
    assert found[0][3] == "did you mean 'quiet'?"
    assert found[2][3] == "did you mean 'high'?"


def test_an_id_is_mandatory_and_unique() -> None:
    """A rule without id, and a second rule with the same id, are mistakes at their lines."""
    text = HEAD + RULE + RULE + "  - {when: {}, skip: below_threshold}\n"
    assert [(line, path) for line, path, _, _ in mistakes(text)] == [(4, "rules[1].id"), (5, "rules[2].id")]


def test_a_key_that_stands_twice_is_a_mistake() -> None:
    """YAML would let the second value win silently."""
    text = HEAD + "  - {id: a, skip: one_reason, when: {}, skip: other_reason}\n"
    assert mistakes(text)[0][1] == "rules[0].skip"


@pytest.mark.parametrize(
    ("text", "line"),
    [("version: 1\nrules: [", 2), ("- 1\n- 2\n", 1), ("", 0), ("version: 1\nrules: []\n", 2)],
)
def test_files_that_hold_no_rules(text: str, line: int) -> None:
    """Broken YAML, other YAML and an empty file are named, not thrown through."""
    assert mistakes(text)[0][0] in (line, line + 1)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is one mistake with the file's name."""
    with pytest.raises(RuleErrors, match=r"absent\.yaml"):
        load_rules(tmp_path / "absent.yaml")


def test_words_that_yaml_1_1_would_turn_into_something_else() -> None:
    """`on` is a key, `off` a word, and an AWS account with a leading zero keeps it."""
    rules = parse_rules(
        "version: 1\ndefaults:\n  resolve: {on: never}\n  back: {governance: off}\n  ticket: {assign: [T]}\n"
        "rules:\n  - {id: a, when: {cloud_account: [012345678901, 987654321098]}, group: [recommendation]}\n"
    )
    assert rules.rules[0].resolve.on == "never"
    assert rules.rules[0].when.cloud_account == ("012345678901", "987654321098")


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("{id: a, when: {}, group: [recommendation]}", "the assign chain has no last resort"),
        (
            "{id: a, when: {}, group: [recommendation], ticket: {assign: ['tag:team']}}",
            "the assign chain has no last resort",
        ),
        ("{id: a, when: {}}", "nothing says how findings share a ticket"),
        ("{id: a, when: {}, skip: some_reason, group: [resource]}", "the rule skips and makes a ticket"),
        (
            "{id: a, when: {is_incident: true}, group: [resource], ticket: {assign: [T]}}",
            "only alerts have is_incident",
        ),
        (
            "{id: a, when: {}, group: [resource], ticket: {assign: [T], set_on_create: {state: '2'}}}",
            "state is written by Isthmus itself",
        ),
        (
            "{id: a, when: {}, group: [resource, resource], ticket: {assign: [T]}}",
            "a grouping value is named twice",
        ),
        (
            "{id: a, when: {}, group: [resource], ticket: {assign: [T], urgency: {High: 1}}}",
            "urgency by level needs a default",
        ),
        (
            "{id: a, when: {}, group: [resource], ticket: {assign: [T], templates: {note: '{{ secret }}'}}}",
            "names secret, which no ticket has",
        ),
    ],
)
def test_mistakes_between_keys(rule: str, problem: str) -> None:
    """What no single key shows is found too."""
    assert problem in [p for _, _, p, _ in mistakes(f"{HEAD}  - {rule}\n")]


def test_more_than_six_grouping_values_are_refused() -> None:
    """Six dimensions are the limit that a footer is made for."""
    seven = "[recommendation, resource, subscription, cloud, category, severity, resource_type]"
    text = f"{HEAD}  - {{id: a, when: {{}}, group: {seven}, ticket: {{assign: [T]}}}}\n"
    assert mistakes(text)[0][1] == "rules[0].group"


def test_snapshot_round_trip_and_hash() -> None:
    """A rule set comes back from its snapshot equal and with the same hash."""
    rules = parse_rules(HEAD + RULE)
    again = RuleSet.from_json(rules.to_json())
    assert again == rules
    assert (again.hash, again.rules[0].hash) == (rules.hash, rules.rules[0].hash)


def test_hash_follows_content_not_layout() -> None:
    """Comments, key order and spelling of a list do not change a rule's hash; a new value does."""
    plain = parse_rules(HEAD + RULE).rules[0]
    other = parse_rules(
        HEAD
        + "  # a comment\n"
        + "  - {group: [recommendation], ticket: {assign: Team}, id: a, when: {severity: [high]}}\n"
    ).rules[0]
    changed = parse_rules(HEAD + RULE.replace("High", "Low")).rules[0]
    assert plain.hash == other.hash
    assert plain.hash != changed.hash


def test_an_approved_version_goes_on() -> None:
    """`replacing` puts another version of a rule into its place."""
    new = parse_rules(HEAD + RULE.replace("High", "Low"))
    old = parse_rules(HEAD + RULE).rules[0]
    assert new.replacing([old]).rules == (old,)


@given(st.integers(1, 999), st.sampled_from("smhdw"))
def test_durations(number: int, unit: str) -> None:
    """A duration is its number times its unit in seconds."""
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[unit]
    assert parse_duration(f"{number}{unit}") == number * seconds


@pytest.mark.parametrize("value", [5, "5", "h", "-1h", "1.5h", None, True, "1 hour"])
def test_durations_without_unit_are_refused(value: object) -> None:
    """A bare number is no duration: nobody can tell its unit."""
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(value)


def test_tags_that_rules_read() -> None:
    """Conditions, grouping and assign chains declare the tags they need; skip rules need none to assign."""
    rules = parse_rules(
        HEAD
        + "  - {id: a, when: {tags: {Env: [x]}}, group: ['tag:Team'], ticket: {assign: ['tag:Owner', T]}}\n"
        + "  - {id: rest, when: {}, skip: below_threshold}\n"
    )
    assert rules.rules[0].tags_to_match == {"env", "team"}
    assert rules.rules[0].tags_to_assign == {"owner"}
    assert rules.tag_names == {"env", "team", "owner"}
    assert rules.needs_tags
    assert not parse_rules(HEAD + RULE).needs_tags


def test_lint_doubts(tmp_path: Path) -> None:
    """A rule behind one that takes everything, and rules on risk that forget Unknown, are pointed at."""
    file = tmp_path / "rules.yaml"
    file.write_text(
        HEAD
        + "  - {id: a, when: {risk: [High]}, group: [recommendation], ticket: {assign: [T]}}\n"
        + "  - {id: all, when: {}, skip: below_threshold}\n"
        + "  - {id: late, when: {cloud: aws}, skip: too_late}\n"
    )
    lint = lint_rules(file)
    assert lint.ok
    assert any("rule late: never reached" in w for w in lint.warnings)
    assert any("no rule names risk Unknown" in w for w in lint.warnings)


def test_the_predicate_for_individual_recommendations() -> None:
    """Keys match whatever their case; without a predicate every row is grouped."""
    predicate = Predicate(field="properties.metadata.kind", equals=("individual",))
    row = {"Properties": {"metadata": {"Kind": "Individual"}}}
    assert model_of(row, predicate) == "individual"
    assert model_of({"properties": 3}, predicate) == "grouped"
    assert model_of(row, None) == "grouped"
