"""Who may do what: the narrow integration user against administrators (servicenow-api 4.4)."""

from dataclasses import dataclass

from services.simulator.servicenow.dictionary.schema import Table
from services.simulator.servicenow.modes import Modes

HIDDEN_TABLES = frozenset(
    {"sys_dictionary", "sys_journal_field", "sys_audit_delete", "sys_db_object", "sys_properties"}
)
_WRITABLE = {
    "incident": "sn_incident_write",
    "problem": "sn_problem_write",
    "change_request": "sn_change_write",
    "u_isthmus_import": "import_transformer",
}
_PROTECTED = frozenset(
    {
        "opened_at", "opened_by", "closed_at", "closed_by", "resolved_at", "resolved_by", "active",
        "business_impact", "approval", "approval_set", "user_password", "calendar_duration",
        "business_duration", "sys_domain", "sys_domain_path",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class User:
    """Who asks. `web_service_only` users pass the Basic gate; `human` ones act through the UI."""

    name: str
    sys_id: str
    roles: frozenset[str]
    password: str = ""
    web_service_only: bool = False
    human: bool = False
    active: bool = True

    @property
    def admin(self) -> bool:
        return "admin" in self.roles


@dataclass(frozen=True, slots=True)
class Acl:
    """Access control for REST; what people do in the UI does not pass here."""

    modes: Modes

    def may_read(self, user: User, table: str) -> bool:
        if user.admin or table not in HIDDEN_TABLES:
            return True
        return bool(self.modes["sys_dictionary_readable"]) and table in {"sys_dictionary", "sys_db_object"}

    def may_write(self, user: User, table: str) -> bool:
        return user.admin or _WRITABLE.get(table, "-") in user.roles

    def may_delete(self, user: User) -> bool:
        """Deleting needs admin on nearly every table; an integration user has not got it."""
        return user.admin

    def hidden_fields(self, user: User, table: Table) -> frozenset[str]:
        """Columns that a field ACL keeps from the user: absent from answers, forbidden in queries."""
        if user.admin:
            return frozenset()
        named = self.modes["acl_hide_fields"]
        hidden = {field for ancestor in table.lineage() for field in named.get(ancestor.name, ())}
        return frozenset(hidden | ({"user_password"} & table.columns.keys()))

    def protected_fields(self, user: User, table: Table) -> frozenset[str]:
        """Columns whose write ACL drops what the user sends, without a word (servicenow-api 1.7)."""
        if user.admin:
            return frozenset()
        named = self.modes["acl_drop_fields"]
        return _PROTECTED.union(*(named.get(ancestor.name, ()) for ancestor in table.lineage()))
