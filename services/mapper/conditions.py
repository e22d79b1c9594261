"""Conditions compiled into predicates on a finding."""

import fnmatch
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from common.model.finding import Finding, Risk, Severity
from common.rules.effective import Conditions

Predicate = Callable[[Finding], bool]


@dataclass(frozen=True, slots=True)
class Named:
    """A predicate and the condition it stands for (`rules explain` shows it)."""

    name: str
    test: Predicate


@dataclass(frozen=True, slots=True)
class Profile:
    """The few-valued traits of a finding, by which rules are looked up instead of tried."""

    kind: str
    severity: Severity
    risk: Risk
    preview: bool
    model: str


def profile_of(finding: Finding) -> tuple[str, int, int, bool, str]:
    return finding.kind, finding.severity, finding.risk, finding.preview, finding.model


def profile_failure(when: Conditions, profile: Profile) -> str:
    """The first condition on few-valued traits that does not hold, or ""."""
    if when.kind and profile.kind not in when.kind:
        return "kind"
    if when.severity and profile.severity.name.lower() not in when.severity:
        return "severity"
    if when.risk and profile.risk.name.lower() not in when.risk:
        return "risk"
    if when.risk and profile.risk is Risk.UNKNOWN and when.risk_missing == "skip":
        return "risk_missing"
    if profile.kind == "recommendation":
        return _recommendation_failure(when, profile)
    # Findings of kind alert don't carry these yet: a condition that can't be told does not hold.
    return "status" if _asks_of_alerts(when) else ""


def _asks_of_alerts(when: Conditions) -> bool:
    return bool(when.status) or when.max_age is not None or when.is_incident is not None


def _recommendation_failure(when: Conditions, profile: Profile) -> str:
    """The conditions that only recommendations have."""
    if _asks_of_alerts(when):
        return "kind"
    if when.model not in ("both", profile.model):
        return "model"
    if when.preview != "any" and profile.preview != (when.preview == "only"):
        return "preview"
    return ""


def matcher(values: Sequence[str]) -> Callable[[str], bool]:
    """A test for one of several texts, whatever the case; `*` and `?` stand for anything."""
    plain = frozenset(v for v in values if not any(c in v for c in "*?"))
    patterns = [fnmatch.translate(v) for v in values if v not in plain]
    if not patterns:
        return lambda text: text in plain or text.lower() in plain
    wild = re.compile("|".join(patterns), re.DOTALL)
    return lambda text: text.lower() in plain or wild.match(text.lower()) is not None


def _one(values: Sequence[str], read: Callable[[Finding], str]) -> Predicate:
    test = matcher(values)
    return lambda finding: test(read(finding))


def _any(values: Sequence[str], read: Callable[[Finding], Sequence[str]]) -> Predicate:
    test = matcher(values)
    return lambda finding: any(test(item) for item in read(finding))


def _tagged(name: str, values: Sequence[str]) -> Predicate:
    test = matcher(values)

    def holds(finding: Finding) -> bool:
        return any(k.lower() == name and test(v) for k, v in finding.tags.items())

    return holds


def predicates(when: Conditions) -> Iterator[Named]:
    """The conditions that a profile does not cover, cheapest first."""
    if when.resource_type:
        yield Named("resource_type", _one(when.resource_type, lambda f: f.resource_type))
    if when.recommendation:
        yield Named("recommendation", _any(when.recommendation, lambda f: (f.recommendation, f.title)))
    if when.category:
        yield Named("category", _any(when.category, lambda f: f.categories))
    if when.cloud:
        yield Named("cloud", _one(when.cloud, lambda f: f.cloud))
    if when.subscription:
        yield Named("subscription", _any(when.subscription, lambda f: (f.subscription, f.subscription_name)))
    if when.cloud_account:
        yield Named("cloud_account", _one(when.cloud_account, lambda f: f.cloud_account))
    if when.management_group:
        yield Named("management_group", _any(when.management_group, lambda f: f.management_groups))


def tag_predicates(when: Conditions) -> Iterator[Named]:
    """The conditions on tags, which are read later and only where needed."""
    for name, values in when.tags:
        yield Named(f"tags.{name}", _tagged(name, values))
