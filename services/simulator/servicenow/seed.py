"""What a fresh instance holds: people, groups, configuration items, other teams' tickets, the dictionary."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from services.simulator.options import ServiceNowOptions
from services.simulator.servicenow.acl import User
from services.simulator.servicenow.coerce import Coercion
from services.simulator.servicenow.seed_names import (
    CI_CLASSES,
    GROUPS,
    PEOPLE,
    REST_ADMIN,
    STRANGERS,
)
from services.simulator.servicenow.store import Database, Row
from services.simulator.servicenow.times import stamp

NARROW = frozenset(
    {
        "snc_platform_rest_api_access",
        "sn_incident_write",
        "sn_problem_write",
        "sn_change_write",
        "import_transformer",
    }
)
"""The roles that docs ask a platform owner for: no itil, no admin, no personalize_dictionary."""


class Seeder:
    """Fills an empty database; the same seed gives the same sys_ids. Times are relative to `now`."""

    def __init__(self, database: Database, options: ServiceNowOptions, now: datetime) -> None:
        self._database = database
        self._options = options
        self._random = random.Random(f"servicenow/{options.seed}")
        self._now = now

    def fill(self, coercion: Coercion) -> dict[str, User]:
        """Everything; returns the accounts by user name."""
        accounts = self._people()
        self._groups()
        self._places()
        self._items()
        self._tickets()
        self._dictionary()
        self.choices(coercion)
        return accounts

    def put(self, table: str, values: Row, *, age_days: float = 400) -> Row:
        """One row as some administrator made it."""
        at = stamp(self._now - timedelta(days=age_days))
        row = {
            **self._database.schema[table].defaults,
            "sys_id": f"{self._random.getrandbits(128):032x}",
            "sys_created_on": at,
            "sys_updated_on": at,
            "sys_created_by": "admin",
            "sys_updated_by": "admin",
            **values,
        }
        row = {name: value for name, value in row.items() if value}
        self._database.stores[table].add(row)
        return row

    def _people(self) -> dict[str, User]:
        options = self._options
        accounts: dict[str, User] = {}
        rows: list[tuple[str, str, str, frozenset[str], str, bool]] = [
            (options.user, "Isthmus", "Integration", NARROW, options.password, True),
            (REST_ADMIN, "Rest", "Admin", frozenset({"admin"}), options.password, True),
            (
                options.admin_user,
                "System",
                "Administrator",
                frozenset({"admin"}),
                options.admin_password,
                False,
            ),
        ]
        rows += [(name, *_names(full), frozenset({"itil"}), "", False) for name, full in PEOPLE]
        for name, first, last, roles, password, machine in rows:
            row = self.put("sys_user", _user_row(name, first, last, machine=machine))
            human = name in dict(PEOPLE)
            accounts[name] = User(name, row["sys_id"], roles, password, machine, human)
        return accounts

    def _groups(self) -> None:
        people = [row["sys_id"] for row in self._database.rows("sys_user") if "itil" not in row["user_name"]]
        for name, about, active in GROUPS:
            manager = self._random.choice(people)
            group = self.put(
                "sys_user_group",
                {"name": name, "description": about, "active": str(active).lower(), "manager": manager},
            )
            for member in self._random.sample(people, 3):
                self.put("sys_user_grmember", {"user": member, "group": group["sys_id"]})

    def _places(self) -> None:
        for name in ("ACME North America", "ACME Deutschland", "ACME Österreich"):
            self.put("core_company", {"name": name})
        for name in ("San Diego", "München", "Zürich", "東京"):
            self.put("cmn_location", {"name": name})

    def _items(self) -> None:
        groups = [row["sys_id"] for row in self._database.rows("sys_user_group")]
        for table, label, count in CI_CLASSES:
            for number in range(1, count + 1):
                name = f"{label}-{number:03d}"
                values = {
                    "name": name,
                    "sys_class_name": table,
                    "discovery_source": "ServiceNow",
                    "support_group": self._random.choice(groups) if self._random.random() < 0.7 else "",
                    "serial_number": f"{self._random.getrandbits(40):010X}",
                }
                if table == "cmdb_ci_service":
                    values["busines_criticality"] = "2 - somewhat critical"
                self.put(table, values, age_days=self._random.uniform(30, 300))

    def _tickets(self) -> None:
        """Tickets of other people and tools: a query that matches everything brings these back."""
        callers = [row["sys_id"] for row in self._database.rows("sys_user")]
        groups = [row["sys_id"] for row in self._database.rows("sys_user_group")]
        for index, (table, text, state, correlation) in enumerate(STRANGERS):
            prefix = self._database.schema[table].prefix
            number = f"{prefix}{index + 101:07d}"
            values = {
                "number": number,
                "task_effective_number": number,
                "short_description": text,
                "state": state,
                "sys_class_name": table,
                "assignment_group": self._random.choice(groups),
                "correlation_id": correlation,
                "correlation_display": "Sentinel" if correlation else "",
                "opened_by": self._random.choice(callers),
            }
            values |= _state_values(table, state, self._random.choice(callers))
            age = self._random.uniform(1, 60)
            values["opened_at"] = stamp(self._now - timedelta(days=age))
            self.put(table, values, age_days=age)

    def _dictionary(self) -> None:
        tables: dict[str, str] = {}
        for table in self._database.schema.values():
            parent = tables.get(table.parent.name, "") if table.parent else ""
            row = self.put("sys_db_object", {"name": table.name, "label": table.label, "super_class": parent})
            tables[table.name] = row["sys_id"]
            for name in sorted(table.own):
                column = table.columns[name]
                self.put(
                    "sys_dictionary",
                    {
                        "name": table.name,
                        "element": name,
                        "column_label": column.label,
                        "internal_type": column.kind,
                        "max_length": str(column.length),
                        "reference": column.reference,
                        "default_value": column.default,
                        "read_only": "true" if column.read_only else "false",
                        "choice": "3" if column.choice_list else "0",
                    },
                )
        for name, value in (("instance_name", "dev000001"), ("glide.product.name", "ServiceNow")):
            self.put("sys_properties", {"name": name, "value": value})

    def choices(self, coercion: Coercion) -> None:
        """(Re)write sys_choice; the set of close codes follows the mode."""
        store = self._database.stores["sys_choice"]
        for sys_id in list(store.rows):
            store.remove(sys_id)
        for table, element, pairs in _choice_lists(self._database, coercion):
            for sequence, (value, label) in enumerate(pairs):
                self.put(
                    "sys_choice",
                    {
                        "name": table,
                        "element": element,
                        "value": value,
                        "label": label,
                        "sequence": str(sequence),
                        "language": "en",
                    },
                )


def _choice_lists(database: Database, coercion: Coercion) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Choices sit on the table that owns the column: those of task's columns on task."""
    for table in database.schema.values():
        for name in sorted(table.own):
            column = table.columns[name]
            if column.choice_list:
                yield table.name, name, list(coercion.choices(column).items())


def _names(full: str) -> tuple[str, str]:
    first, _, last = full.partition(" ")
    return first, last


def _user_row(name: str, first: str, last: str, *, machine: bool) -> Row:
    return {
        "user_name": name,
        "name": f"{first} {last}",
        "first_name": first,
        "last_name": last,
        "email": f"{name}@example.com",
        "web_service_access_only": str(machine).lower(),
        "identity_type": "machine" if machine else "human",
        "active": "true",
    }


def _state_values(table: str, state: str, caller: str) -> Row:
    """Columns that go with a state, as the rules would have left them."""
    values: Row = {}
    if table == "incident":
        values = {"incident_state": state, "caller_id": caller, "priority": "5"}
        if state in {"6", "7"}:
            values |= {"close_code": "Solution provided", "close_notes": "Done.", "resolved_by": caller}
    if table == "problem":
        values = {"problem_state": state, "priority": "5"}
    if state == "7" or (table == "change_request" and state in {"3", "4"}):
        values["active"] = "false"
    return values
