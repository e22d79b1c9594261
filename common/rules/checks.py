"""Mistakes that no single key shows: they lie between keys."""

from collections.abc import Iterator

from common.rules.merge import BUILT_IN, assign_chain
from common.rules.source import Path
from common.rules.spec import Defaults, RuleSpec, Ticket
from common.rules.variables import VARIABLES, template_problem

Found = tuple[Path, str, str]
_ALERT_ONLY = ("status", "max_age", "is_incident")
_OURS = frozenset(
    {
        "sys_id", "number", "state", "short_description", "description", "impact", "urgency", "priority",
        "correlation_id", "correlation_display", "work_notes", "close_code", "close_notes",
        "assignment_group", "caller_id", "due_date",
    }
)  # fmt: skip
_LEVELS = frozenset({"critical", "high", "medium", "low", "none", "unknown"})


def check_rule(rule: RuleSpec, defaults: Defaults) -> Iterator[Found]:
    """What is wrong with one rule whose keys are all valid; paths start at the rule."""
    when = rule.when
    if rule.skip and (rule.ticket or rule.group):
        yield ("skip",), "the rule skips and makes a ticket", "take out skip, or group and ticket"
    if not rule.skip and not rule.group:
        yield (
            ("group",),
            "nothing says how findings share a ticket",
            "add group: [recommendation], or skip: …",
        )
    if rule.group and len(set(rule.group)) != len(rule.group):
        yield ("group",), "a grouping value is named twice", "name each once"
    if when.kind != ("alert",):
        yield from _check_alert_words(rule)
    if when.affected_at_least and rule.skip:
        yield (
            ("when", "affected_at_least"),
            "a rule that skips makes no groups to count",
            "take one of the two out",
        )
    if rule.ticket:
        yield from check_ticket(rule.ticket)
    if not rule.skip:
        yield from _check_chain(rule, defaults)


def _check_alert_words(rule: RuleSpec) -> Iterator[Found]:
    for name in _ALERT_ONLY:
        if getattr(rule.when, name) is not None:
            yield ("when", name), f"only alerts have {name}", "add kind: alert, or take it out"
    if "alert_type" in (rule.group or ()):
        yield ("group",), "only alerts have an alert_type", "add kind: alert, or group by recommendation"


def check_ticket(ticket: Ticket) -> Iterator[Found]:
    """What is wrong with a ticket section; paths start at the rule or at the defaults."""
    for name in ("set_on_create", "set_on_resolve"):
        for field in getattr(ticket, name) or {}:
            if field in _OURS:
                yield (
                    ("ticket", name, field),
                    f"{field} is written by Isthmus itself",
                    "use the rule's own keys",
                )
    for name, source in (ticket.templates.model_dump() if ticket.templates else {}).items():
        if source and (problem := template_problem(source)):
            yield ("ticket", "templates", name), problem, f"it may name {', '.join(VARIABLES)}"
    if isinstance(ticket.urgency, dict):
        if "default" not in ticket.urgency:
            yield ("ticket", "urgency"), "urgency by level needs a default", "add default: 3"
        for level in sorted(ticket.urgency.keys() - _LEVELS - {"default"}):
            known = ", ".join(sorted(_LEVELS))
            yield ("ticket", "urgency", level), f"{level!r} is no level", f"known here: {known}, default"


def _check_chain(rule: RuleSpec, defaults: Defaults) -> Iterator[Found]:
    said = defaults.ticket.assign if defaults.ticket else None
    chain = assign_chain(
        said or BUILT_IN["ticket"]["assign"], (rule.ticket.assign if rule.ticket else None) or ()
    )
    if not chain or chain[-1].startswith("tag:") or chain[-1] == "ci.support_group":
        yield (
            ("ticket", "assign"),
            "the assign chain has no last resort",
            "end it with the name of an assignment group that always exists",
        )
