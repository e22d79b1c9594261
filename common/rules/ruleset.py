"""An ordered set of rules, as one connection runs it, and its snapshot form."""

from collections.abc import Iterable
from functools import cached_property
from typing import Self

from common.rules.effective import EffectiveRule, Frozen, content_digest


class Predicate(Frozen):
    """A row whose value at the dotted path `field` is one of `equals` (lower case) is an individual one."""

    field: str
    equals: tuple[str, ...]


class FileSettings(Frozen):
    """What a rule file says beside its rules. Durations are seconds; None and empty: not said."""

    scope: tuple[tuple[str, tuple[str, ...]], ...] = ()
    schedule: str = ""
    alerts_every: int | None = None
    per_connection_and_day: int | None = None
    individual_when: Predicate | None = None


class RuleSet(Frozen):
    """Rules in order: the first that matches wins."""

    rules: tuple[EffectiveRule, ...]
    settings: FileSettings = FileSettings()

    @cached_property
    def hash(self) -> str:
        """16 hex digits over the rules and their order; enters the findings' fingerprint."""
        return content_digest([rule.hash for rule in self.rules])

    @cached_property
    def tag_names(self) -> frozenset[str]:
        """All tags that any rule reads, lower case."""
        return frozenset[str]().union(*(r.tags_to_match | r.tags_to_assign for r in self.rules))

    @property
    def needs_tags(self) -> bool:
        return bool(self.tag_names)

    @cached_property
    def _by_id(self) -> dict[str, EffectiveRule]:
        return {rule.id: rule for rule in self.rules}

    def get(self, rule_id: str) -> EffectiveRule | None:
        return self._by_id.get(rule_id)

    def replacing(self, rules: Iterable[EffectiveRule]) -> Self:
        """The same order with other versions of some rules: an approved version goes on until the next is."""
        other = {rule.id: rule for rule in rules}
        return self.model_copy_with(tuple(other.get(rule.id, rule) for rule in self.rules))

    def model_copy_with(self, rules: tuple[EffectiveRule, ...]) -> Self:
        return type(self)(rules=rules, settings=self.settings)

    def to_json(self) -> str:
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        return cls.model_validate_json(text)
