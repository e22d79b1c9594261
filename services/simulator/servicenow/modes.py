"""Switches for behaviours on which the evidence disagrees, and for malice; the nastier one is the default."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Mode:
    """`allowed` holds the permitted values; empty means any value of the default's kind, or an object."""

    default: Any
    about: str
    allowed: tuple[Any, ...] = ()


def _flag(about: str, *, default: bool = False) -> Mode:
    return Mode(default, about, (True, False))


DEFINITIONS: Mapping[str, Mode] = {
    "sys_id_ignored": _flag("a client-chosen sys_id is replaced by the instance's own"),
    "rule_rewrites_field": Mode(
        default=False,
        about="{field, suffix, async, delay, table}: a rule edits our field after our write, as our user",
    ),
    "silent_updates": _flag("people's updates move neither sys_updated_on nor sys_mod_count"),
    "sys_dictionary_readable": _flag("the integration user may read the dictionary tables"),
    "ui_meta_readable": _flag("the integration user may read /api/now/ui/meta/{table}"),
    "choice_allow_non_existing": _flag("glide.rest.choice.allow_non_existing_value"),
    "reference_keep_unresolved": _flag("an unresolvable reference is stored, cut to 32"),
    "problem_state": Mode("unchanged", "a problem's state sent over REST", ("unchanged", "abort")),
    "change_insert": Mode("lands_in_new", "a change created in a late state", ("lands_in_new", "abort")),
    "closed_record": Mode("unchanged", "a write on an incident in state 7", ("unchanged", "abort")),
    "read_back_blocked": _flag("POST inserts, then answers 403 (servicenow-api 0 #4)"),
    "invalid_query_returns_no_rows": _flag("an unknown field in a query matches nothing"),
    "case_sensitive_queries": _flag("text is compared with regard to case"),
    "caret_doubling": _flag("^^ in a query is a literal caret"),
    "journal_in_display": _flag("display values of journal fields hold the running text"),
    "batch_counts_items": _flag("a rate rule counts a batch's items, not the batch", default=True),
    "batch_outlives_connection": _flag("items after a cut connection are worked off all the same"),
    "basic_auth_restricted": _flag("interactive users may not use Basic", default=True),
    "import_transform_error": _flag("import sets answer 201 with status error"),
    "item_seconds": Mode(None, "simulated execution time of every write, in seconds; null: by the limits"),
    "timezone": Mode("America/Los_Angeles", "the integration user's time zone, for display values"),
    "link_host": Mode("", "host in Link headers, links and Location instead of the request's"),
    "acl_drop_fields": Mode({}, "{table: [fields]} that a write ACL drops silently for our user"),
    "acl_hide_fields": Mode({}, "{table: [fields]} that a read ACL hides from our user"),
    "hidden_rows": Mode({}, "{table: encoded query} of rows that our user can't see"),
    "extra_mandatory": Mode({}, "{table: [fields]}: a customer's data policy on insert"),
    "close_codes": Mode("current", "the instance's set of close codes", ("current", "legacy")),
    "jwt_public_key": Mode("", "PEM of the key for jwt-bearer with RS256; without it HS256 by the secret"),
}


@dataclass(slots=True)
class Modes:
    """The values in force."""

    values: dict[str, Any] = field(default_factory=lambda: {k: m.default for k, m in DEFINITIONS.items()})

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def set(self, name: str, value: Any) -> None:
        """Raise ValueError for an unknown name or a value that the mode does not know; null: the default."""
        if name not in DEFINITIONS:
            raise ValueError(f"No such mode: {name}. Known: {', '.join(DEFINITIONS)}.")
        mode = DEFINITIONS[name]
        if mode.allowed and value is not None and value not in mode.allowed:
            raise ValueError(f"Mode {name} takes one of {mode.allowed}, not {value!r}.")
        if isinstance(mode.default, dict) and value is not None and not isinstance(value, dict):
            raise ValueError(f"Mode {name} takes an object: {mode.about}.")
        self.values[name] = mode.default if value is None else value

    def reset(self) -> None:
        self.values = {name: mode.default for name, mode in DEFINITIONS.items()}
