"""Reading back what the instance made of the fields."""

import pytest

from services.servicenow_writer.readback import deviations, returning


@pytest.mark.parametrize(
    ("sent", "stored", "before", "fate"),
    [
        ("long text", {"f": "long text"}, {}, None),
        ("two\nlines\n", {"f": "two\r\nlines"}, {}, None),
        ("", {"f": ""}, {}, None),
        ("long text", {}, {}, "dropped"),
        ("long text", {"f": ""}, {}, "dropped"),
        ("new", {"f": "old"}, {"f": "old"}, "dropped"),
        ("long text", {"f": "long"}, {}, "cut"),
        ("long text", {"f": "LONG TEXT"}, {"f": "old"}, "rewritten"),
    ],
)
def test_fate(sent: str, stored: dict[str, str], before: dict[str, str], fate: str | None) -> None:
    """A field is as sent, dropped, cut or rewritten; line ends don't count."""
    found = deviations({"f": sent}, stored, before)
    assert [deviation.fate for deviation in found] == ([fate] if fate else [])


def test_journals_and_sys_id() -> None:
    """Journals read back empty, and the sys_id is compared elsewhere."""
    assert deviations({"work_notes": "x", "sys_id": "a"}, {"work_notes": "", "sys_id": "b"}) == []
    assert "work_notes" not in returning({"work_notes": "x", "urgency": "1"})


def test_sentence() -> None:
    """The sentence names table and field, never a value."""
    (found,) = deviations({"urgency": "1"}, {"urgency": ""})
    assert "incident.urgency" in found.sentence("incident")
