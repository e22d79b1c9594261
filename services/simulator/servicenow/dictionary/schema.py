"""Tables and columns as frozen values, read from the definition texts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from services.simulator.servicenow.dictionary import choices, platform_columns, task_columns

LARGE = 16_777_215
"""Bytes of a mediumtext: what a string longer than 255 in the dictionary can hold (servicenow-api 1.9)."""

REFERENCES = frozenset({"reference", "domain_id"})
JOURNALS = frozenset({"journal_input", "journal", "journal_list"})
DATES = frozenset({"glide_date_time", "due_date", "glide_date"})
NUMBERS = frozenset({"integer", "decimal"})


@dataclass(frozen=True, slots=True)
class Column:
    """One dictionary entry. `choices` maps value to label and is empty without a choice list."""

    name: str
    kind: str
    label: str
    length: int = 40
    reference: str = ""
    default: str = ""
    read_only: bool = False
    choice_list: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Table:
    """A table with the columns that it inherits; `display` is the column that stands for a record."""

    name: str
    label: str
    columns: Mapping[str, Column]
    own: frozenset[str]
    parent: "Table | None" = None
    display: str = "name"
    prefix: str = ""

    @property
    def root(self) -> "Table":
        """The base table: sys_ids are unique within its descendants."""
        return self if self.parent is None else self.parent.root

    @cached_property
    def defaults(self) -> dict[str, str]:
        """Non-empty default values by column."""
        return {name: column.default for name, column in self.columns.items() if column.default}

    @cached_property
    def _blank(self) -> dict[str, str]:
        return dict.fromkeys(self.columns, "")

    def lineage(self) -> Iterator["Table"]:
        """This table, its parent, and so on to the base."""
        yield self
        if self.parent is not None:
            yield from self.parent.lineage()

    def full(self, row: Mapping[str, str]) -> dict[str, str]:
        """The row with every column of this table; what is not stored is empty."""
        if row.keys() <= self.columns.keys():
            return {**self._blank, **row}
        return {name: row.get(name, "") for name in self.columns}


# name, label, parent, display column, number prefix, column text
_TABLES = (
    ("task", "Task", "", "number", "TASK", task_columns.SYSTEM + task_columns.TASK),
    ("incident", "Incident", "task", "number", "INC", task_columns.INCIDENT),
    ("problem", "Problem", "task", "number", "PRB", task_columns.PROBLEM),
    ("change_request", "Change Request", "task", "number", "CHG", task_columns.CHANGE),
    ("sys_user", "User", "", "name", "", platform_columns.USER),
    ("sys_user_group", "Group", "", "name", "", platform_columns.GROUP),
    ("sys_user_grmember", "Group Member", "", "sys_id", "", platform_columns.MEMBER),
    ("core_company", "Company", "", "name", "", platform_columns.COMPANY),
    ("cmn_location", "Location", "", "name", "", platform_columns.LOCATION),
    ("cmdb_ci", "Configuration Item", "", "name", "", platform_columns.CI),
    ("cmdb_ci_service", "Service", "cmdb_ci", "name", "", platform_columns.SERVICE),
    ("cmdb_ci_server", "Server", "cmdb_ci", "name", "", ""),
    ("cmdb_ci_linux_server", "Linux Server", "cmdb_ci_server", "name", "", ""),
    ("cmdb_ci_win_server", "Windows Server", "cmdb_ci_server", "name", "", ""),
    ("cmdb_ci_vm_instance", "Virtual Machine Instance", "cmdb_ci", "name", "", ""),
    (
        "cmdb_ci_cloud_service_account",
        "Cloud Service Account",
        "cmdb_ci",
        "name",
        "",
        platform_columns.CLOUD_ACCOUNT,
    ),
    ("cmdb_ci_cloud_storage_account", "Cloud Storage Account", "cmdb_ci", "name", "", ""),
    ("cmdb_ci_cloud_database", "Cloud DataBase", "cmdb_ci", "name", "", ""),
    ("cmdb_ci_cmp_resource", "Cloud Resource", "cmdb_ci", "name", "", platform_columns.CLOUD_RESOURCE),
    ("sys_choice", "Choice", "", "label", "", platform_columns.CHOICE),
    ("sys_dictionary", "Dictionary Entry", "", "column_label", "", platform_columns.DICTIONARY),
    ("sys_db_object", "Table", "", "label", "", platform_columns.DB_OBJECT),
    ("sys_journal_field", "Journal Entry", "", "sys_id", "", platform_columns.JOURNAL),
    ("sys_audit_delete", "Audit Deleted Record", "", "display_value", "", platform_columns.AUDIT_DELETE),
    ("sys_attachment", "Attachment", "", "file_name", "", platform_columns.ATTACHMENT),
    ("sys_properties", "System Property", "", "name", "", platform_columns.PROPERTY),
    (
        "u_isthmus_import",
        "Isthmus import",
        "",
        "sys_id",
        "",
        platform_columns.IMPORT_ROW + task_columns.TASK + task_columns.INCIDENT,
    ),
)


def read_choices(text: str) -> dict[str, str]:
    """`value=Label; value` as a mapping; a value without a label is its own label."""
    pairs = (part.strip().partition("=") for part in text.split(";"))
    return {value: label or value for value, _, label in pairs}


def read_column(line: str) -> Column:
    """One line of the notation of task_columns.py."""
    head, _, label = line.partition("|")
    name, kind, *rest = head.split()
    options = dict(part.split("=", 1) for part in rest if "=" in part)
    length = next((int(part) for part in rest if part.isdigit()), 32 if kind in REFERENCES else 40)
    choice_list = options.get("choices", "")
    return Column(
        name=name,
        kind=kind,
        label=label.strip() or name.replace("_", " ").capitalize(),
        length=length,
        reference=options.get("ref", ""),
        default="not requested" if name == "approval" else options.get("default", ""),
        read_only="ro" in rest,
        choice_list=choice_list,
        choices=read_choices(choices.CHOICES[choice_list]) if choice_list else {},
    )


def read_columns(text: str) -> dict[str, Column]:
    return {column.name: column for column in map(read_column, filter(str.strip, text.splitlines()))}


def build_schema() -> dict[str, Table]:
    """Every table by name; a child overrides its parent's columns."""
    schema: dict[str, Table] = {}
    for name, label, parent_name, display, prefix, text in _TABLES:
        parent = schema[parent_name] if parent_name else None
        own = read_columns(text)
        inherited = parent.columns if parent else read_columns(task_columns.SYSTEM)
        schema[name] = Table(
            name=name,
            label=label,
            columns={**inherited, **own},
            own=frozenset(own),
            parent=parent,
            display=display,
            prefix=prefix,
        )
    return schema
