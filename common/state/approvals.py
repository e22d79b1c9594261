"""Approvals: which version of which rules may write, in which subscriptions (promise 9).

The approved rule set is one document: rules in their approved order, with who approved each version and on
which run. Until a changed rule is approved, its last approved version goes on.
"""

import time
from collections.abc import Iterable

from common.rules.ruleset import RuleSet
from common.state.register import Register

_DOCUMENT = "approved"


class Approvals:
    """Approvals of one connection."""

    def __init__(self, register: Register) -> None:
        self._register = register

    def any(self) -> bool:
        return bool(self._register.document(_DOCUMENT))

    def rules(self) -> RuleSet | None:
        """The approved rule set, None when nothing was approved (or the approvals were lost with Redis)."""
        document = self._register.document(_DOCUMENT)
        return RuleSet.from_json(document["rules"]) if document else None

    def for_run(self, mode: str, in_file: RuleSet) -> RuleSet:
        """The rules that a run uses: a plan uses the file's, a live run the approved ones.

        After a loss of Redis nothing is approved any more: the file's rules maintain the tickets that are
        found, and creates wait for a person.
        """
        approved = self.rules()
        return in_file if mode == "plan" or approved is None else approved

    def subscriptions(self) -> set[str]:
        """Subscriptions that may be written for."""
        return set(self._register.document(_DOCUMENT).get("subscriptions", []))

    def approve(
        self, rules: RuleSet, subscriptions: Iterable[str], by: str, run: str, only: str = ""
    ) -> list[str]:
        """Approve a run's rules (or `only` one of them) and subscriptions; answers the ids of changed rules.

        Raises ValueError when `only` is not among the rules.
        """
        before = self.rules()
        if only:
            rules = _with_one(before, rules, only)
        known = {rule.id: rule.hash for rule in before.rules} if before else {}
        changed = [rule.id for rule in rules.rules if known.get(rule.id) != rule.hash]
        document = {
            "rules": rules.to_json(),
            "hashes": {rule.id: rule.hash for rule in rules.rules},
            "subscriptions": sorted(self.subscriptions() | set(subscriptions)),
            "by": by,
            "run": run,
            "at": int(time.time()),
        }
        self._register.put_document(_DOCUMENT, document)
        hashes = {rule.id: rule.hash for rule in rules.rules if rule.id in changed}
        self._register.audit("approved", by, {"run": run, "rules": hashes})
        return changed


def _with_one(before: RuleSet | None, rules: RuleSet, only: str) -> RuleSet:
    """The approved set with one rule taken from `rules`, at its place there if it is new."""
    chosen = rules.get(only)
    if chosen is None:
        raise ValueError(f"rule {only!r} is not in that run; it has {', '.join(r.id for r in rules.rules)}")
    if before is None:
        return rules.model_copy_with((chosen,))
    if before.get(only) is not None:
        return before.replacing([chosen])
    order = [rule.id for rule in rules.rules]
    later = set(order[order.index(only) + 1 :])
    at = next((i for i, rule in enumerate(before.rules) if rule.id in later), len(before.rules))
    return before.model_copy_with((*before.rules[:at], chosen, *before.rules[at:]))
