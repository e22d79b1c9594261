"""What a business rule sees: `previous`, `current`, what was sent, and by whom."""

from dataclasses import dataclass, field

from services.simulator.servicenow.acl import User
from services.simulator.servicenow.dictionary.schema import Table
from services.simulator.servicenow.errors import ApiError, aborted_by_rule
from services.simulator.servicenow.modes import Modes
from services.simulator.servicenow.store import Row


@dataclass(slots=True)
class Transaction:
    """One insert (`old` is None) or update in the making; rules change `new` or raise ApiError.

    `sent` names the columns that were accepted from the client; `at` is the time that the record will carry.
    """

    table: Table
    old: Row | None
    new: Row
    sent: frozenset[str]
    user: User
    at: str
    modes: Modes
    journals: dict[str, str] = field(default_factory=dict)

    def was(self, name: str) -> str:
        return self.old.get(name, "") if self.old is not None else ""

    def now(self, name: str) -> str:
        return self.new.get(name, "")

    def changes(self, name: str) -> bool:
        return self.was(name) != self.now(name)

    def default(self, name: str, value: str) -> None:
        if not self.new.get(name):
            self.new[name] = value

    def abort(self, rule: str, rule_id: str) -> ApiError:
        return aborted_by_rule(self.table.name, rule, rule_id)
