"""What waits for an approval when the rules in the file are not the approved ones, in one sentence. Pure."""

from collections.abc import Collection, Iterable

from common.model.link import Link
from common.rules.ruleset import RuleSet

_ACTIVE = ("1", "2", "3")
_NAMED = 3


def waiting(approved: RuleSet, written: RuleSet, links: Iterable[Link]) -> str:
    """The sentence; "" when nothing waits. `links` are all links, read only where they matter."""
    old, new = ({rule.id: rule for rule in rules.rules} for rules in (approved, written))
    if [rule.hash for rule in old.values()] == [rule.hash for rule in new.values()]:
        return ""
    both = [rule for rule in new if rule in old]
    changed = [rule for rule in both if old[rule].hash != new[rule].hash]
    removed = [rule for rule in old if rule not in new]
    parts = [
        f"{len(some)} {what} ({_names(some)})"
        for what, some in (
            ("changed", changed),
            ("new", [rule for rule in new if rule not in old]),
            ("removed", removed),
        )
        if some
    ]
    if both != [rule for rule in old if rule in new]:
        parts.append("another order")
    texts = {rule for rule in changed if old[rule].text_hash != new[rule].text_hash}
    rewritten, orphaned = _open_tickets(links, texts, set(removed)) if texts or removed else (0, 0)
    counted = [f" {rewritten} open tickets would be rewritten."] if rewritten else []
    counted += [f" {orphaned} open tickets would be without a rule."] if orphaned else []
    return (
        f"The rules in the file are not the approved ones: {', '.join(parts)}. The approved ones go on until"
        f" `isthmus plan` and `isthmus runs approve`.{''.join(counted)}"
    )


def _names(rules: Collection[str]) -> str:
    return ", ".join([*list(rules)[:_NAMED], *(["…"] if len(rules) > _NAMED else [])])


def _open_tickets(links: Iterable[Link], *of: Collection[str]) -> tuple[int, ...]:
    """How many open tickets the rules of each of `of` have."""
    counts = [0] * len(of)
    for link in links:
        if link.state in _ACTIVE and link.holds_findings:
            for at, rules in enumerate(of):
                counts[at] += link.rule in rules
    return tuple(counts)
