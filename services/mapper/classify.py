"""Which rule takes a finding, and into which group. Pure; about 2 microseconds a finding."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from common.identity import group_of, identity_digest
from common.model.finding import Finding, Risk, Severity
from common.model.group import GroupFacts
from common.rules.effective import EffectiveRule
from common.rules.ruleset import RuleSet
from services.mapper.conditions import (
    Named,
    Profile,
    predicates,
    profile_failure,
    profile_of,
    tag_predicates,
)
from services.mapper.dimensions import clean, reader

_REMEMBERED_GROUPS = 50_000


@dataclass(frozen=True, slots=True)
class Current:
    """The group whose ticket is open and that the finding is in."""

    facts: GroupFacts
    group: bytes

    @property
    def rule_id(self) -> str:
        return self.facts.rule


@dataclass(frozen=True, slots=True)
class Matched:
    """The finding belongs to this group."""

    rule_id: str
    facts: GroupFacts
    group: bytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """No ticket for this finding; `rule_id` names the rule that said so, or is ""."""

    reason: str
    rule_id: str = ""


Classified: TypeAlias = Matched | Skipped


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: EffectiveRule
    tests: tuple[Named, ...]
    tag_tests: tuple[Named, ...]
    readers: tuple[tuple[str, Callable[[Finding], str]], ...]
    skipped: Skipped


class Compiled:
    """A rule set made ready for one connection: conditions as predicates, rules indexed by profile.

    It remembers what it computed (groups, indexes); the answers depend on its arguments only.
    """

    def __init__(self, rules: RuleSet, connection: str) -> None:
        self.rules = rules
        self.connection = connection
        self._compiled = tuple(_compile(rule) for rule in rules.rules)
        self._index: dict[tuple[str, int, int, bool, str], tuple[_Compiled, ...]] = {}
        self._groups: dict[tuple[str, tuple[str, ...]], Matched] = {}

    @property
    def matches_tags(self) -> bool:
        """Whether a tag decides which rule takes a finding, or into which group it falls."""
        return any(rule.tags_to_match for rule in self.rules.rules)

    def candidates(self, finding: Finding) -> tuple[_Compiled, ...]:
        """The rules, in order, whose conditions on kind, severity, risk, preview and model hold."""
        key = profile_of(finding)
        found = self._index.get(key)
        if found is None:
            profile = Profile(key[0], Severity(key[1]), Risk(key[2]), key[3], key[4])
            found = tuple(c for c in self._compiled if not profile_failure(c.rule.when, profile))
            self._index[key] = found
        return found

    def matched(self, candidate: _Compiled, finding: Finding) -> Matched:
        values = tuple([read(finding) for _, read in candidate.readers])
        key = (candidate.rule.id, values)
        known = self._groups.get(key)
        if known is None:
            if len(self._groups) >= _REMEMBERED_GROUPS:
                self._groups.clear()
            known = self._groups[key] = self._group(candidate, values)
        return known

    def _group(self, candidate: _Compiled, values: tuple[str, ...]) -> Matched:
        rule_id = candidate.rule.id
        pairs = tuple((d, clean(v)) for (d, _), v in zip(candidate.readers, values, strict=True))
        digest = identity_digest(self.connection, rule_id, pairs)
        return Matched(rule_id, GroupFacts(rule_id, pairs, digest), group_of(digest))


def compile_rules(rules: RuleSet, connection: str) -> Compiled:
    """Compile once per run; the connection's id is part of every group's identity."""
    return Compiled(rules, connection)


def _compile(rule: EffectiveRule) -> _Compiled:
    return _Compiled(
        rule=rule,
        tests=tuple(predicates(rule.when)),
        tag_tests=tuple(tag_predicates(rule.when)),
        readers=tuple((d, reader(d)) for d in rule.group),
        skipped=Skipped(rule.skip, rule.id),
    )


def classify(finding: Finding, rules: Compiled, current: Current | None = None) -> Classified:
    """The group of a finding, or why it has none.

    A finding whose group has an open ticket keeps it, whatever the rules say (promise 9). Else the first rule
    that matches wins. Reasons of Skipped: a skip rule's own, `preview`, `model`, `risk_missing`, `no_rule`.
    """
    if current is not None:
        return Matched(current.facts.rule, current.facts, current.group)
    for candidate in rules.candidates(finding):
        for test in candidate.tests:
            if not test.test(finding):
                break
        else:
            if candidate.tag_tests and not all(t.test(finding) for t in candidate.tag_tests):
                continue
            return candidate.skipped if candidate.skipped.reason else rules.matched(candidate, finding)
    return Skipped(_why_none(finding, rules))


def wants_tags(finding: Finding, rules: Compiled) -> bool:
    """Whether a finding's rule or group can't be told without its resource's tags."""
    for candidate in rules.candidates(finding):
        if all(test.test(finding) for test in candidate.tests):
            return bool(candidate.rule.tags_to_match)
    return False


def explain(finding: Finding, rules: Compiled) -> tuple[tuple[str, str], ...]:
    """(rule id, first condition that fails or ""), up to the rule that takes the finding."""
    profile = Profile(finding.kind, finding.severity, finding.risk, finding.preview, finding.model)
    tried: list[tuple[str, str]] = []
    for candidate in rules._compiled:  # noqa: SLF001 - same module
        failed = profile_failure(candidate.rule.when, profile) or next(
            (t.name for t in (*candidate.tests, *candidate.tag_tests) if not t.test(finding)), ""
        )
        tried.append((candidate.rule.id, failed))
        if not failed:
            break
    return tuple(tried)


def _why_none(finding: Finding, rules: Compiled) -> str:
    """The one trait that kept a finding from every rule, where it is one of those the defaults set."""
    failures = {failed for _, failed in explain(finding, rules)}
    return next((word for word in ("preview", "model", "risk_missing") if word in failures), "no_rule")
