"""All affected resources as CSV, for an attachment."""

import csv
import io
from collections.abc import Iterable

from services.mapper.render_input import Affected
from services.mapper.render_text import one_line
from services.mapper.render_variables import worst_first

_HEAD = ("resource", "type", "severity", "risk", "subscription or account", "resource id")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def affected_csv(affected: Iterable[Affected], left_out: int = 0) -> str:
    """One line for each, worst first, and a last one for how many are left out.

    A cell that a spreadsheet would run as a formula is quoted as text.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_HEAD)
    for one in worst_first(tuple(affected)):
        cells = (one.name, one.type, one.severity, one.risk, one.place, one.resource_id)
        writer.writerow([_safe(one_line(cell, 500)) for cell in cells])
    if left_out:
        writer.writerow([f"and {left_out} more that are not listed here", "", "", "", "", ""])
    return out.getvalue()


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
