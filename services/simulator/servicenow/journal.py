"""Journal entries: written through the record, read from sys_journal_field (servicenow-api 1.8)."""

from collections.abc import Callable
from datetime import tzinfo

from services.simulator.servicenow.rules.transaction import Transaction
from services.simulator.servicenow.store import Database, Row
from services.simulator.servicenow.times import to_local


def write_journals(database: Database, tx: Transaction, sys_id: str, new_id: Callable[[], str]) -> None:
    """One row per note; the record itself keeps nothing. A repeated note is a second row."""
    store = database.stores["sys_journal_field"]
    for element, text in tx.journals.items():
        if not text:
            continue
        entry_id = new_id()
        store.add(
            {
                "sys_id": entry_id,
                "name": tx.table.name,
                "element": element,
                "element_id": sys_id,
                "value": text,
                "sys_created_on": tx.at,
                "sys_created_by": tx.user.name,
                "sys_updated_on": tx.at,
            }
        )


def running_text(database: Database, sys_id: str, element: str, tz: tzinfo) -> str:
    """The formatted notes of a record, newest first, as display values show them on many releases."""
    wanted = {"work_notes", "comments"} if element == "comments_and_work_notes" else {element}
    labels = {"work_notes": "Work notes", "comments": "Additional comments"}
    entries = [
        row
        for row in database.rows("sys_journal_field")
        if row["element_id"] == sys_id and row["element"] in wanted
    ]
    return "".join(_entry(row, labels[row["element"]], tz) for row in reversed(entries))


def _entry(row: Row, label: str, tz: tzinfo) -> str:
    head = f"{to_local(row['sys_created_on'], tz)} - {row['sys_created_by']} ({label})"
    return f"{head}\n{row['value']}\n\n"
