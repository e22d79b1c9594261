"""What becomes of a finding that a unit did not show this time. Pure; absence is never a fix (promise 4)."""

from enum import Enum

from common.model.finding import Standing
from common.state.units import Record, is_skip

# A carried record has no fingerprint, so that the finding is news when it comes back.
NO_FINGERPRINT = bytes(8)


class Absence(Enum):
    DROP = "drop"
    KEEP = "keep"
    ASK = "ask"


def absence(record: Record, *, ticket_open: bool, exact: bool) -> Absence:
    """Whether an absent finding is forgotten, kept as it is, or asked for again by its id.

    `exact` says that the unit was read completely and its totals agree; else nothing can be said of it.
    """
    if is_skip(record.group) or not ticket_open:
        return Absence.DROP if exact or is_skip(record.group) else Absence.KEEP
    if not exact or record.standing == Standing.GONE:
        return Absence.KEEP
    if record.standing == Standing.ADOPTED:
        return Absence.DROP
    return Absence.ASK


def missing(record: Record) -> Record:
    """The record of a finding that must be asked for again."""
    return record._replace(fingerprint=NO_FINGERPRINT, standing=int(Standing.MISSING))


def answered(record: Record, standing: Standing) -> Record:
    """The record after Resource Graph was asked for exactly this id."""
    return record._replace(fingerprint=NO_FINGERPRINT, standing=int(standing))
