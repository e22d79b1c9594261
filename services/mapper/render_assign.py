"""Who gets the ticket: the assign chain and the caller, resolved through given names."""

import re
from collections.abc import Mapping

from common.rules.effective import EffectiveRule
from services.mapper.render_input import Directory

INTEGRATION_USER = "{integration user}"
_SYS_ID = re.compile(r"[0-9a-f]{32}")


def group_names(rule: EffectiveRule, tags: Mapping[str, str]) -> tuple[str, ...]:
    """The names of assignment groups that the rule's chain may ask for, in order."""
    names = (_name(entry, tags) for entry in rule.ticket.assign)
    return tuple(dict.fromkeys(name for name in names if name))


def caller_name(rule: EffectiveRule) -> str:
    """The user name that the rule files tickets for, or "" for the integration user."""
    return "" if rule.ticket.caller == INTEGRATION_USER else rule.ticket.caller


def assignment_group(rule: EffectiveRule, tags: Mapping[str, str], directory: Directory) -> str:
    """The sys_id of the first group of the chain that exists; "" where not even the last resort does."""
    for entry in rule.ticket.assign:
        if entry == "ci.support_group":
            found = directory.support_group
        else:
            found = _lookup(_name(entry, tags), directory.groups)
        if found:
            return found
    return ""


def caller(rule: EffectiveRule, directory: Directory) -> str:
    """The caller's sys_id, or "" where the named user does not exist."""
    name = caller_name(rule)
    return _lookup(name, directory.users) if name else directory.our_user


def _name(entry: str, tags: Mapping[str, str]) -> str:
    if entry == "ci.support_group":
        return ""
    if not entry.startswith("tag:"):
        return entry
    wanted = entry.removeprefix("tag:").lower()
    return next((value.strip() for key, value in tags.items() if key.lower() == wanted), "")


def _lookup(name: str, known: Mapping[str, str]) -> str:
    """A name's sys_id, exact or else whatever the case; a sys_id stands for itself."""
    if not name or _SYS_ID.fullmatch(name):
        return name
    folded = name.casefold()
    return known.get(name) or next((v for k, v in known.items() if k.casefold() == folded), "")
