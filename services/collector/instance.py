"""What the instance offers, read once a run: the names in rules, the close codes, our own user."""

import time
from collections.abc import Iterable

from common.errors import Fatal
from common.http.deadline import Deadline
from common.rules.ruleset import RuleSet
from common.servicenow.table import TableClient
from common.state import keys
from common.state.directory import InstanceFacts
from common.state.store import Fence, octets
from services.collector.desk import Desk

INTEGRATION_USER = "{integration user}"
_SPECIAL = frozenset({"rule", "ci.support_group"})
_SECONDS = 120.0
_NOT_THE_INSTANCE = frozenset({"signin_refused", "tls_refused", "ca_bundle_unreadable"})


def rules_of(desk: Desk, run: str) -> RuleSet:
    """The rules that the run began with."""
    found = octets(desk.store.client.get(keys.run(desk.connection, run, "rules")))
    if not found:
        raise Fatal("rules_missing", f"the rules of run {run} are not in Redis any more")
    return RuleSet.from_json(found)


def group_names(rules: RuleSet) -> set[str]:
    """Assignment groups that the rules name outright (a tag's value is known only with its resource)."""
    named = {name for rule in rules.rules if not rule.skip for name in rule.ticket.assign}
    return {name for name in named if name and name not in _SPECIAL and not name.startswith("tag:")}


def caller_names(rules: RuleSet) -> set[str]:
    """Users that the rules name as caller."""
    named = {rule.ticket.caller for rule in rules.rules if not rule.skip}
    return {name for name in named if name and name != INTEGRATION_USER}


def read_instance(desk: Desk, fence: Fence, user_name: str, tables: TableClient) -> InstanceFacts:
    """Look everything up and store it; what can't be read is told, and keeps its last known value."""
    rules = rules_of(desk, fence.run)
    known = desk.directory.instance()
    deadline = Deadline(_SECONDS)
    groups, users = group_names(rules), caller_names(rules)
    found_groups = _active_groups(tables, groups, deadline)
    found_users = _users(tables, {*users, user_name}, deadline)
    codes = _close_codes(desk, fence, tables, deadline)
    facts = InstanceFacts(
        user_name=user_name,
        user_id=found_users.get(user_name, known.user_id),
        groups={**known.groups, **found_groups},
        users=found_users,
        missing=tuple(sorted((groups - found_groups.keys()) | (users - found_users.keys()))),
        close_codes=codes if codes is not None else known.close_codes,
        read_at=int(time.time()),
    )
    for name in facts.missing:
        facts.groups.pop(name, None)
        desk.runs.tell(
            fence.run,
            "not_resolved",
            f"ServiceNow has no active group or user named {name!r}, which a rule names.",
        )
    desk.directory.put_instance(facts)
    return facts


def resolve_groups(desk: Desk, names: Iterable[str], tables: TableClient) -> None:
    """Look up assignment groups that tags name and that are not known yet."""
    known = desk.directory.instance()
    fresh = {name for name in names if name and name not in known.groups and name not in known.missing}
    if not fresh:
        return
    found = _active_groups(tables, fresh, Deadline(_SECONDS))
    facts = InstanceFacts(
        user_name=known.user_name,
        user_id=known.user_id,
        groups={**known.groups, **found},
        users=known.users,
        missing=tuple(sorted({*known.missing, *(fresh - found.keys())})),
        close_codes=known.close_codes,
        read_at=known.read_at,
    )
    desk.directory.put_instance(facts)


def _active_groups(tables: TableClient, names: Iterable[str], deadline: Deadline) -> dict[str, str]:
    wanted = sorted(names)
    if not wanted:
        return {}
    found = tables.groups(wanted, deadline=deadline)
    return {name: some[0].sys_id for name, some in found.items() if some and some[0].active}


def _users(tables: TableClient, names: Iterable[str], deadline: Deadline) -> dict[str, str]:
    found = tables.look_up("sys_user", "user_name", sorted(names), ("active",), deadline=deadline)
    active = {
        name: [row for row in rows if row.get("active", "true") == "true"] for name, rows in found.items()
    }
    return {name: rows[0]["sys_id"] for name, rows in active.items() if rows}


def _close_codes(desk: Desk, fence: Fence, tables: TableClient, deadline: Deadline) -> tuple[str, ...] | None:
    """The values of incident.close_code; None (told) when they can't be read."""
    try:
        codes = tuple(choice.value for choice in tables.choices("incident", "close_code", deadline=deadline))
    except Fatal as error:
        if error.reason in _NOT_THE_INSTANCE:
            raise
        codes = ()
    if codes:
        return codes
    desk.runs.tell(
        fence.run,
        "choices_unreadable",
        "The choices of incident.close_code can't be read: grant read access to sys_choice.",
    )
    return None
