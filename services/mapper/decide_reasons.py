"""Every reason that `decide` and `orders` give: short, stable, a metric label."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a group's ticket is treated as it is. A skip rule's own words come on top of these."""

    # Create
    NEW = "new"
    REGRESSION_CLOSED = "regression_closed"
    DELETED_SUCCESSOR = "deleted_successor"
    # Update and Note
    FACTS_CHANGED = "facts_changed"
    PART_FIXED = "part_fixed"
    MORE_AFFECTED = "more_affected"
    RISK_RAISED = "risk_raised"
    TEMPLATE_CHANGED = "template_changed"  # the rule's texts only, none of the facts
    # Note, then Unchanged
    ON_HOLD = "on_hold"
    ASSIGNED = "assigned"
    RESOLVE_OFF = "resolve_off"
    # Resolve
    FIXED = "fixed"
    FIXED_AND_GONE = "fixed_and_gone"
    MITIGATED = "mitigated"
    GONE = "gone"
    WAIVED = "waived"  # a Note first
    # Reopen
    REGRESSION = "regression"
    STILL_UNHEALTHY = "still_unhealthy"
    # Unchanged
    UP_TO_DATE = "up_to_date"
    NOTE_WAITS = "note_waits"
    NOTHING_TO_WRITE = "nothing_to_write"
    QUIET_PERIOD = "quiet_period"
    ALREADY_CLOSED = "already_closed"
    CLOSED_BY_PERSON = "closed_by_person"
    CLOSED_WHILE_UNHEALTHY = "closed_while_unhealthy"  # Held where the rule says so
    REOPENED_BY_PERSON = "reopened_by_person"
    # Held
    DELETED_BY_PERSON = "deleted_by_person"
    DETACHED = "detached"
    UNMAPPED_STATE = "unmapped_state"
    NOT_APPLICABLE = "not_applicable"
    EVIDENCE_LOST = "evidence_lost"
    UNCONFIRMED = "unconfirmed"
    RESOURCE_GONE = "resource_gone"
    NO_CLOSE_CODE = "no_close_code"
    FLAPPING = "flapping"
    STATE_LOST = "state_lost"
    LINKS_NOT_REBUILT = "links_not_rebuilt"
    TABLE_UNAVAILABLE = "table_unavailable"
    ASSIGNMENT_UNRESOLVED = "assignment_unresolved"
    CALLER_UNRESOLVED = "caller_unresolved"
    TEMPLATE_FAILED = "template_failed"
    # Skipped
    NOTHING_OPEN = "nothing_open"
    BELOW_THRESHOLD = "below_threshold"
    TOO_YOUNG = "too_young"
    PLAN_MODE = "plan_mode"
    TYPE_NOT_YET = "type_not_yet"
