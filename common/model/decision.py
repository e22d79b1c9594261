"""Decisions: what is to happen to a group's ticket, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from common.model.group import Memo


class Kind(StrEnum):
    """The forward decisions (design: Words)."""

    CREATE = "create"
    UPDATE = "update"
    NOTE = "note"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    UNCHANGED = "unchanged"
    HELD = "held"
    SKIPPED = "skipped"

    @property
    def writes(self) -> bool:
        return self in (Kind.CREATE, Kind.UPDATE, Kind.NOTE, Kind.RESOLVE, Kind.REOPEN)


class Outcome(StrEnum):
    """How a touched group ended in a run: the terms of the second ledger (promise 3)."""

    CREATED = "created"
    UPDATED = "updated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    UNCHANGED = "unchanged"
    HELD = "held"
    SKIPPED = "skipped"
    DEAD = "dead"


OUTCOME_OF: Mapping[Kind, Outcome] = {
    Kind.CREATE: Outcome.CREATED,
    Kind.UPDATE: Outcome.UPDATED,
    Kind.NOTE: Outcome.UPDATED,
    Kind.RESOLVE: Outcome.RESOLVED,
    Kind.REOPEN: Outcome.REOPENED,
    Kind.UNCHANGED: Outcome.UNCHANGED,
    Kind.HELD: Outcome.HELD,
    Kind.SKIPPED: Outcome.SKIPPED,
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What `decide` answers. `reason` is a short stable word; `revisit_at` Unix seconds or 0.

    `note` names the note templates to append (events such as `part_fixed`, `regression`); `fields` are
    values that the state machine itself sets (state, close_code, ...), not rendered text.
    """

    kind: Kind
    reason: str
    memo: Memo
    revisit_at: int = 0
    generation: int = 1
    parent: str = ""
    events: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered decision in the outbox: all that the writer needs, nothing that it must decide.

    `fields` are the values to send (owned, on-create and state fields), `note` the work note or "".
    `expect_state` is the ticket's state that the decision was made on ("" for creates); `stamped` says which
    of `fields` are owned and enter the stamp with their digests. `run` and `epoch` fence it.
    """

    group: str
    kind: str
    reason: str
    epoch: str
    run: str
    connection: str
    table: str
    sys_id: str
    correlation_id: str
    generation: int
    seq: int
    rule: str
    fields: dict[str, str]
    note: str = ""
    expect_state: str = ""
    expect_mod_count: int = -1
    members: int = 0
    open: int = 0
    worst: int = 0
    facts: str = ""
    member_digest: str = "00000000"
    urgent: bool = False
    parent: str = ""
    memo: bytes = b""  # the group's memo, packed, kept once the write is settled
    attach_csv: bool = False  # a file of all affected resources waits in Redis (state/csv_files.py)
    attempts: int = 0
    first_error: str = ""
