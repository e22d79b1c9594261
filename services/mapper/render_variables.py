"""The values that templates may name (`common.rules.variables` lists them), all of them made safe."""

from collections.abc import Sequence
from typing import Any

from common.model.finding import Recommendation, Risk, Severity, Standing
from common.model.group import Aggregate
from services.mapper.decide_case import unresolved
from services.mapper.render_input import Affected, RenderInput
from services.mapper.render_text import cut, one_line, plain

_PORTALS = {"public": "https://portal.azure.com", "usgov": "https://portal.azure.us"}
_LONG_TEXT = 1200
_NO_VALUE = "none"
Variables = dict[str, Any]


def variables(source: RenderInput, shown: int) -> Variables:
    """Everything a template may name, with `shown` affected resources at most."""
    aggregate, rule, decision = source.aggregate, source.rule, source.decision
    listed = worst_first(source.affected)[:shown]
    values = dimension_texts(source)
    previous = source.told if source.told >= 0 or source.link is None else source.link.open
    return {
        "title": _title(source, values),
        "place": ", ".join(text for dimension, text in values if dimension != "recommendation"),
        "severity": aggregate.severity.name.title(),
        "risk": aggregate.risk.name.title(),
        "counts": counts(aggregate),
        "by_severity": _by_level(aggregate.severities, Severity),
        "by_risk": _by_level(aggregate.risks, Risk),
        "affected": [_line(a, source.cloud) for a in listed],
        "more": max(unresolved(aggregate) - len(listed), 0),
        "recommendation": _recommendation(source),
        "values": values,
        "rule": source.facts.rule,
        "connection": source.connection,
        "portal": portal(source),
        "disclose": rule.ticket.disclose,
        "event": "",
        "reason": str(decision.reason),
        "ticket": source.link.number if source.link else "",
        "previous": previous,
        "wait_hours": max(decision.revisit_at - source.now, 0) // 3600 if decision.revisit_at else 0,
    }


def worst_first(affected: Sequence[Affected]) -> list[Affected]:
    """A total order, so that the same findings give the same text whatever order Azure lists them in."""
    return sorted(affected, key=lambda a: (-a.rank, a.name.lower(), a.resource_id.lower()))


def counts(aggregate: Aggregate) -> dict[str, int]:
    """Members by what became of them; what is absent without confirmation counts as open."""
    count = aggregate.count
    return {
        "open": unresolved(aggregate),
        "fixed": count(Standing.HEALTHY),
        "mitigated": count(Standing.MITIGATED),
        "waived": count(Standing.WAIVED),
        "not_applicable": count(Standing.OFF),
        "gone": count(Standing.GONE),
        "unknown": count(Standing.LOST),
        "total": aggregate.members,
    }


def dimension_texts(source: RenderInput) -> list[tuple[str, str]]:
    """(dimension, text for people) of the group, never empty: a footer must read back."""
    return [(d, _text(source, d, v)) for d, v in source.facts.values]


def _text(source: RenderInput, dimension: str, value: str) -> str:
    title = source.recommendation.title if source.recommendation and dimension == "recommendation" else ""
    return one_line(source.texts.get(dimension) or title or value, 120) or _NO_VALUE


def _title(source: RenderInput, values: list[tuple[str, str]]) -> str:
    if source.recommendation is not None and source.recommendation.title:
        return one_line(source.recommendation.title, 200)
    return dict(values).get("recommendation") or "Security recommendations"


def _by_level(numbers: Sequence[int], levels: type[Severity] | type[Risk]) -> list[tuple[str, int]]:
    return [(level.name.title(), numbers[level]) for level in reversed(levels) if numbers[level]]


def _recommendation(source: RenderInput) -> dict[str, Any]:
    known = source.recommendation or Recommendation("", "")
    full = source.rule.ticket.disclose == "full"
    return {
        "key": known.key,
        "title": one_line(known.title, 200),
        "severity": known.severity.name.title(),
        "categories": [one_line(c, 60) for c in sorted(known.categories)],
        "description": cut(plain(known.description), _LONG_TEXT) if full else "",
        "remediation": cut(plain(known.remediation), _LONG_TEXT) if full else "",
    }


def _line(affected: Affected, cloud: str) -> dict[str, str]:
    """Short enough that 25 of them leave room for the rest of a description."""
    return {
        "name": one_line(affected.name, 64) or _NO_VALUE,
        "type": one_line(affected.type, 40),
        "severity": affected.severity,
        "risk": affected.risk,
        "place": one_line(affected.place, 40),
        "portal": f"{_portal(cloud)}/#resource{one_line(affected.resource_id, 400)}",
    }


def _portal(cloud: str) -> str:
    return _PORTALS.get(cloud, _PORTALS["public"])


def portal(source: RenderInput) -> str:
    """The recommendation's page (the address that Defender's own continuous export uses), or Defender's."""
    key = dict(source.facts.values).get("recommendation") or (
        source.recommendation.key if source.recommendation else ""
    )
    blade = f"RecommendationsBlade/assessmentKey/{key}" if key else "SecurityMenuBlade/0"
    return f"{_portal(source.cloud)}/#blade/Microsoft_Azure_Security/{blade}"
