"""Looking before writing: what stands in ServiceNow under the keys of a batch (promise 2)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from common.http.deadline import Deadline
from common.identity import STAMPED_FIELDS
from common.servicenow import query as q
from common.servicenow.records import Record
from common.servicenow.table import TableClient
from services.servicenow_writer.jobs import Job

_SEEN = (
    "number",
    "state",
    "active",
    "sys_mod_count",
    "sys_updated_on",
    "sys_updated_by",
    "correlation_id",
    "correlation_display",
    "assigned_to",
    "hold_reason",
    "close_code",
)
_CREATED_ON = "sys_created_on"  # tells which of several is the oldest
_ROOM = 1400  # characters of a URL for a list of sys_ids


class SysIdMode(StrEnum):
    """Whether the instance keeps the sys_id that a client chose (state-model 1.9)."""

    UNKNOWN = ""
    HONOURED = "honoured"
    LOOKUP = "lookup"


@dataclass(slots=True)
class Seen:
    """Records by (table, sys_id) and by (table, correlation_id)."""

    by_sys_id: dict[tuple[str, str], Record] = field(default_factory=dict)
    by_correlation: dict[tuple[str, str], Sequence[Record]] = field(default_factory=dict)

    def of_create(self, job: Job) -> list[Record]:
        """Every record under either key of a create, each once."""
        order = job.order
        found = list(self.by_correlation.get((order.table, order.correlation_id), ()))
        other = self.by_sys_id.get((order.table, order.sys_id))
        if other is not None and all(record["sys_id"] != order.sys_id for record in found):
            found.append(other)
        return found

    def of_update(self, job: Job) -> Record | None:
        return self.by_sys_id.get((job.order.table, job.order.sys_id))


def keys_of(job: Job, mode: SysIdMode, tried: bool) -> tuple[bool, bool]:
    """Whether to look by sys_id and by correlation_id.

    A create that was tried before is looked for by both: the instance may have taken up ignoring sys_ids
    just then. Where it is known to honour them, a fresh create is found by sys_id alone, 50 to a request.
    """
    if not job.creates:
        return True, False
    if tried:
        return True, True
    return mode is SysIdMode.HONOURED, mode is not SysIdMode.HONOURED


class Looker:
    """Reads the tickets of a batch, each key column compared by the client (servicenow-api 0#1)."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    def look(
        self,
        jobs: Sequence[Job],
        mode: SysIdMode,
        tried: Mapping[bytes, float],
        deadline: Deadline,
        *,
        urgent: bool,
    ) -> Seen:
        """One look-up for all jobs: sys_ids together, correlation_ids where they are needed.

        Raises the errors of TableClient.look_up; a Fatal one concerns the connection.
        """
        seen = Seen()
        for table in dict.fromkeys(job.order.table for job in jobs):
            mine = [job for job in jobs if job.order.table == table]
            wanted = {job.group: keys_of(job, mode, tried=job.group in tried) for job in mine}
            ids = [job.order.sys_id for job in mine if wanted[job.group][0]]
            names = [job.order.correlation_id for job in mine if wanted[job.group][1]]
            if ids:
                fields = _fields(mine)
                found = self._table.look_up(table, "sys_id", ids, fields, deadline=deadline, urgent=urgent)
                seen.by_sys_id.update({(table, key): records[0] for key, records in found.items()})
            if names:
                fields = (*_SEEN, _CREATED_ON)
                several = self._table.look_up(
                    table, "correlation_id", names, fields, deadline=deadline, urgent=urgent
                )
                seen.by_correlation.update({(table, key): records for key, records in several.items()})
        return seen

    def hidden(self, jobs: Sequence[Job], deadline: Deadline) -> set[bytes]:
        """Of jobs whose ticket was not found those whose ticket may be there all the same.

        X-Total-Count counts rows before the row ACLs (servicenow-api 0#2): a count above nought means that
        the right to read was lost, and no count means that nothing is known. Absence is no evidence.
        """
        unsure: set[bytes] = set()
        for table in dict.fromkeys(job.order.table for job in jobs):
            groups = {job.order.sys_id: job.group for job in jobs if job.order.table == table}
            for condition, ids in q.any_of("sys_id", groups, _ROOM):
                query = q.ordered(condition, "sys_id")
                rows, total = self._table.page(table, query, ["sys_id"], limit=len(ids), deadline=deadline)
                if rows or total is None or total > 0:
                    unsure.update(groups[key] for key in ids)
        return unsure


def _fields(jobs: Iterable[Job]) -> tuple[str, ...]:
    """Owned fields are read only where an update writes them: descriptions are long."""
    changed = {name for job in jobs if not job.creates for name in job.order.fields}
    return (*_SEEN, *(name for name in STAMPED_FIELDS if name in changed))
