"""Defaults and a rule's own words -> one `EffectiveRule`."""

from collections.abc import Mapping
from typing import Any, Literal

from common.rules.effective import (
    ASSIGNED_AT_ONCE,
    ASSIGNED_NEVER,
    CapPolicy,
    ClosedPolicy,
    Codes,
    Conditions,
    EffectiveRule,
    ReopenPolicy,
    ResolvePolicy,
    TicketPolicy,
)
from common.rules.ruleset import FileSettings, Predicate, RuleSet
from common.rules.scalars import parse_duration
from common.rules.spec import Defaults, Document, RuleSpec

Tree = Mapping[str, Any]

# What holds where a file says nothing; the same values as the default rule file's.
BUILT_IN: dict[str, Any] = {
    "mode": "plan",
    "findings": {"model": "grouped", "preview": False, "min_age": 86400, "risk_missing": "unknown"},
    "cap": {"per_rule_and_run": 25, "per_connection_and_day": 50, "beyond": "hold"},
    "resolve": {
        "on": "healthy",
        "quiet": 86400,
        "assigned": "after_72h",
        "waiver": "after_24h",
        "gone": "asked_again",
        "max_share": 0.05,
        "max_count": 100,
        "codes": {
            "solution": ("Solution provided", "Solved (Permanently)"),
            "workaround": ("Workaround provided", "Solved (Work Around)"),
            "no_resolution": (
                "No resolution provided",
                "Not Solved (Not Reproducible)",
                "Not Solved (Too Costly)",
            ),
        },
    },
    "reopen": {
        "incident_from": (6,),
        "flap_brake": {"after": 3, "within": 14 * 86400},
        "leave_codes": ("Duplicate", "User error"),
    },
    "closed_while_unhealthy": {"wait": 48 * 3600, "then": "reopen"},
    "deleted_by_person": "hold",
    "ticket": {
        "type": "incident",
        "impact": 3,
        "urgency": 3,
        "priority_floor": 2,
        "due": None,
        "assign": ("rule",),
        "caller": "{integration user}",
        "disclose": "summary",
        "notes": {"digest": "daily", "max_per_day": 1},
        "affected": {"shown": 25, "rest": "attachment_csv"},
        "set_on_create": {},
        "set_on_resolve": {},
        "templates": {},
    },
}


# Keys that may be switched off by an empty value; elsewhere an empty value says nothing.
_NULLABLE = frozenset({"due", "per_rule_and_run", "per_hour", "per_connection_and_day"})


def merged(base: Tree, over: Tree) -> dict[str, Any]:
    """`over` laid on `base`, mapping by mapping; lists and single values replace."""
    result = dict(base)
    for key, value in over.items():
        if value is None and key not in _NULLABLE:
            continue
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def effective_rule(rule: RuleSpec, defaults: Defaults, version: int = 1) -> EffectiveRule:
    """Resolve one rule against its file's defaults."""
    base = merged(BUILT_IN, defaults.model_dump(exclude_unset=True))
    own = rule.model_dump(exclude_unset=True)
    tree = merged(base, own)
    chain = tuple(own.get("ticket", {}).get("assign") or ())
    when, findings = tree["when"], tree["findings"]
    return EffectiveRule(
        version=version,
        id=rule.id,
        mode=tree["mode"],
        stays_plan=own.get("mode") == "plan",
        skip=tree.get("skip") or "",
        when=_conditions(when, findings),
        affected_at_least=when.get("affected_at_least") or 1,
        min_age=findings["min_age"],
        group=tuple(tree.get("group") or ("recommendation",)),
        ticket=_ticket(tree["ticket"], tuple(base["ticket"]["assign"]), chain),
        resolve=_resolve(tree["resolve"]),
        reopen=_reopen(tree["reopen"]),
        closed_while_unhealthy=ClosedPolicy(**tree["closed_while_unhealthy"]),
        deleted_by_person=tree["deleted_by_person"],
        cap=CapPolicy(
            per_rule_and_run=tree["cap"].get("per_rule_and_run"), per_hour=tree["cap"].get("per_hour")
        ),
    )


def rule_set(document: Document) -> RuleSet:
    """Resolve a whole file."""
    said = document.defaults.model_dump(exclude_unset=True)
    tree = merged(BUILT_IN, said)
    predicate = tree["findings"].get("individual_when")
    forward = said.get("forward") or {}
    settings = FileSettings(
        scope=tuple((k, tuple(v)) for k, v in (said.get("scope") or {}).items() if v),
        schedule=forward.get("schedule") or "",
        alerts_every=forward.get("alerts_every"),
        per_connection_and_day=tree["cap"].get("per_connection_and_day"),
        individual_when=Predicate(field=predicate["field"], equals=_lower(predicate["equals"]))
        if predicate
        else None,
    )
    rules = tuple(effective_rule(r, document.defaults, document.version) for r in document.rules)
    return RuleSet(rules=rules, settings=settings)


def _lower(values: Any) -> tuple[str, ...]:
    return tuple(str(v).strip().lower() for v in values or ())


def _conditions(when: Tree, findings: Tree) -> Conditions:
    preview = when.get("preview")
    default: Literal["any", "never"] = "any" if findings["preview"] else "never"
    texts = (
        "kind", "severity", "risk", "category", "subscription", "management_group", "cloud",
        "cloud_account", "resource_type", "recommendation", "status",
    )  # fmt: skip
    return Conditions(
        **{name: _lower(when.get(name)) for name in texts},
        risk_missing=when.get("risk_missing") or findings["risk_missing"],
        model=when.get("model") or findings["model"],
        preview=default if preview is None else ("only" if preview else "never"),
        tags=tuple(sorted((k.lower(), _lower(v)) for k, v in (when.get("tags") or {}).items())),
        max_age=when.get("max_age"),
        is_incident=when.get("is_incident"),
    )


def _wait(word: str) -> int:
    known = {"at_once": ASSIGNED_AT_ONCE, "never": ASSIGNED_NEVER}
    return known[word] if word in known else parse_duration(word.removeprefix("after_"))


def _resolve(tree: Tree) -> ResolvePolicy:
    return ResolvePolicy(
        on=tree["on"],
        quiet=tree["quiet"],
        assigned=_wait(tree["assigned"]),
        waiver=_wait(tree["waiver"]),
        gone=tree["gone"],
        max_share=tree["max_share"],
        max_count=tree["max_count"],
        codes=Codes(**tree["codes"]),
    )


def _reopen(tree: Tree) -> ReopenPolicy:
    return ReopenPolicy(
        incident_from=tuple(tree["incident_from"]),
        flap_after=tree["flap_brake"]["after"],
        flap_within=tree["flap_brake"]["within"],
        leave_codes=_lower(tree["leave_codes"]),
    )


def _ticket(tree: Tree, default_chain: tuple[str, ...], own: tuple[str, ...]) -> TicketPolicy:
    urgency = tree["urgency"]
    pairs = tuple(sorted(urgency.items())) if isinstance(urgency, Mapping) else (("default", urgency),)
    notes = tree["notes"]
    return TicketPolicy(
        type=tree["type"],
        impact=tree["impact"],
        urgency=pairs,
        priority_floor=tree["priority_floor"],
        due=tree["due"] or None,
        assign=assign_chain(default_chain, own),
        caller=tree["caller"],
        disclose=tree["disclose"],
        set_on_create=tuple(sorted(tree["set_on_create"].items())),
        set_on_resolve=tuple(sorted(tree["set_on_resolve"].items())),
        notes_per_day=0 if notes["digest"] == "off" else notes["max_per_day"],
        shown=tree["affected"]["shown"],
        rest=tree["affected"]["rest"],
        templates=tuple(sorted((k, v) for k, v in tree["templates"].items() if v)),
    )


def assign_chain(default: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """The defaults' chain with the rule's own names where it says `rule`, or in front where it does not."""
    own = tuple(name for name in own if name != "rule")
    if "rule" not in default:
        return (*own, *default)
    chain: list[str] = []
    for name in default:
        chain += own if name == "rule" else (name,)
    return tuple(chain)
