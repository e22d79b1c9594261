"""The sentence about rules that wait for an approval."""

from collections.abc import Iterator

from common.model.link import Link
from common.rules import parse_rules
from common.rules.ruleset import RuleSet
from services.collector.waiting_rules import waiting

_FILE = "version: 1\ndefaults: {{ticket: {{assign: [Security]}}}}\nrules:\n{rules}"


def rules(*texts: str) -> RuleSet:
    return parse_rules(
        _FILE.format(rules="".join(f"  - {{{text}, when: {{}}, group: [resource]}}\n" for text in texts))
    )


def links() -> Iterator[Link]:
    """Three open tickets of rule one, of which a person closed another, and one of rule two."""
    for number, rule in enumerate(("one", "one", "one", "two")):
        yield Link("incident", str(number), f"INC{number}", 1, 1, rule)
    yield Link("incident", "9", "INC9", 1, 1, "one", state="7")


def _fail(number: int) -> Link:
    raise AssertionError(f"link {number} is read, though neither texts nor the rules' number changed")


def unread() -> Iterator[Link]:
    return map(_fail, (1,))


def test_nothing_waits_when_the_file_is_approved() -> None:
    assert waiting(rules("id: one"), rules("id: one"), unread()) == ""


def test_changed_texts_are_counted() -> None:
    told = waiting(
        rules("id: one", "id: two"), rules("id: one, ticket: {disclose: full}", "id: two"), links()
    )
    assert "1 changed (one)." in told
    assert told.endswith(" 3 open tickets would be rewritten.")


def test_removed_rules_are_counted() -> None:
    told = waiting(rules("id: one", "id: two"), rules("id: three", "id: two"), links())
    assert "1 new (three), 1 removed (one)" in told
    assert told.endswith(" 3 open tickets would be without a rule.")


def test_what_touches_no_ticket_needs_no_count() -> None:
    """A cap, or the order alone."""
    assert "1 changed (one)" in waiting(
        rules("id: one"), rules("id: one, cap: {per_rule_and_run: 1}"), unread()
    )
    assert "another order" in waiting(rules("id: one", "id: two"), rules("id: two", "id: one"), unread())
