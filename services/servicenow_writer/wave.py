"""One batch's worth of orders: look, judge, send, read the answers, settle."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from common.errors import Fatal, Retry, SyncError
from common.http.deadline import Deadline
from common.model.link import Link
from common.observe import names
from common.observe.metrics import Metrics
from common.runtime.drain import Lease
from common.servicenow.batch import BatchItem, create_item, patch_item
from common.state.csv_files import CsvFiles
from common.state.links import Links
from common.state.runs import Runs
from services.servicenow_writer import endings as end
from services.servicenow_writer import verdicts as v
from services.servicenow_writer.ahead import Ahead
from services.servicenow_writer.answers import Next, Read, read_batch, read_error
from services.servicenow_writer.attachments import file_name
from services.servicenow_writer.clients import Clients
from services.servicenow_writer.desk import Desk, Standing
from services.servicenow_writer.endings import Ending
from services.servicenow_writer.jobs import Job, put_off
from services.servicenow_writer.looking import Looker, Seen, SysIdMode
from services.servicenow_writer.readback import returning
from services.servicenow_writer.settling import Settler
from services.servicenow_writer.sizing import BatchSizer

MOST_ATTEMPTS = 5
_SOON_SECONDS = 5.0
_LEASE_MARGIN = 0.1  # seconds that a request must end before the lease may
GAVE_UP = "gave_up"
HIDDEN = "ticket_hidden"


class Stopped(Exception):  # noqa: N818 - not an error of an order: the whole connection stands still
    """The connection can't be written to until somebody mends it."""

    def __init__(self, error: Fatal) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Tools:
    """What a wave works with; one set per connection and turn."""

    connection: str
    clients: Clients
    desk: Desk
    settler: Settler
    sizer: BatchSizer
    links: Links
    runs: Runs
    csv_files: Callable[[str], CsvFiles]
    metrics: Metrics
    server_limit: float
    clock: Callable[[], float] = time.time


@dataclass(slots=True)
class Wave:
    """`jobs` are claimed under `lease`; `standing` is the register as read just now.

    `rest` are jobs of later waves: their creates are looked up along with ours, for `ahead` to keep.
    """

    tools: Tools
    lease: Lease
    standing: Standing
    jobs: Sequence[Job]
    urgent: bool
    ahead: Ahead
    rest: Sequence[Job]
    again: list[Job] = field(default_factory=list)
    _links: dict[bytes, Link] = field(default_factory=dict)
    _mode: SysIdMode = SysIdMode.UNKNOWN

    def run(self) -> list[Job]:
        """Do all that can be done now; answers the jobs that the instance did not get to.

        Raises Park or Retry for what is left of the lease, Stopped for the connection, Superseded.
        """
        self._mode = self.standing.mode
        self._links = self.tools.links.get_many([job.group for job in self.jobs])
        tried = self._tried([*self.jobs, *self.rest])
        sends = self._judge(self._look_once(tried), tried)
        if sends:
            self._send(sends)
        return self.again

    def _tried(self, jobs: Sequence[Job]) -> dict[bytes, float]:
        """Unsettled attempts, and orders that say of themselves that they were tried."""
        tried = {job.group: 0.0 for job in jobs if job.order.attempts}
        return tried | self.tools.desk.tried([job.group for job in jobs], self.tools.server_limit)

    def _look_once(self, tried: dict[bytes, float]) -> dict[bytes, Seen]:
        """What stands under the keys of each job: seen with an earlier wave, or now."""
        known = self.ahead.take(self.jobs, self._mode, tried)
        mine = [job for job in self.jobs if job.group not in known]
        if not mine:
            return known
        later = self.ahead.lacking(self.rest, tried)
        asked = self.ahead.clock()
        seen = self._look([*mine, *later], tried)
        self.ahead.keep(later, seen, self._mode, asked)
        return known | dict.fromkeys((job.group for job in mine), seen)

    def _look(self, jobs: Sequence[Job], tried: dict[bytes, float]) -> Seen:
        looker = Looker(self.tools.clients.table)
        try:
            seen = looker.look(jobs, self._mode, tried, self._deadline(), urgent=self.urgent)
        except Fatal as error:
            raise Stopped(error) from error
        self._count_duplicates(seen)
        return seen

    def _count_duplicates(self, seen: Seen) -> None:
        for (table, key), records in seen.by_correlation.items():
            if len(records) > 1:
                self.tools.metrics.count(names.DUPLICATES_FOUND, self.tools.connection, by=len(records) - 1)
                numbers = ", ".join(sorted(record.get("number", "?") for record in records))
                sentence = f"{len(records)} records of {table} bear {key}: {numbers}; the oldest is used."
                self.tools.runs.tell(self.standing.fence.run, "duplicates_found", sentence)

    def _judge(self, seen: Mapping[bytes, Seen], tried: dict[bytes, float]) -> list[tuple[Job, v.Send]]:
        """Settle or put off what needs no write; answers what is to be sent."""
        done: list[Ending] = []
        sends: list[tuple[Job, v.Send]] = []
        absent: list[Job] = []
        for job in self.jobs:
            verdict = self._verdict(job, seen[job.group], max(0.0, tried.get(job.group, 0.0)))
            if isinstance(verdict, v.Send):
                if job.order.attempts >= MOST_ATTEMPTS:
                    done.append(
                        end.dead(job, GAVE_UP, f"Tried {job.order.attempts} times: {job.order.first_error}")
                    )
                else:
                    sends.append((job, verdict))
            elif isinstance(verdict, v.Wait):
                self.lease.park(job.item, verdict.seconds)
            elif isinstance(verdict, v.Absent):
                absent.append(job)
            else:
                done.append(self._ending(job, verdict))
        done += self._absent(absent)
        self._settle(done)
        return sends

    def _verdict(self, job: Job, seen: Seen, wait: float) -> v.Verdict:
        if job.creates:
            return v.judge_create(job.order, seen.of_create(job), wait)
        link = self._links.get(job.group)
        return v.judge_update(job.order, seen.of_update(job), link, wait, self.tools.clients.user)

    def _ending(self, job: Job, verdict: v.Landed | v.Adopt | v.Leave | v.Refuse) -> Ending:
        now, user = int(self.tools.clock()), self.tools.clients.user
        if isinstance(verdict, v.Landed):
            return end.landed(job, verdict.record, verdict.kept, now, user)
        if isinstance(verdict, v.Adopt):
            return end.adopted(job, verdict.record, now, user)
        if isinstance(verdict, v.Leave):
            return end.left(job, verdict)
        return end.dead(job, verdict.reason, verdict.sentence)

    def _absent(self, jobs: Sequence[Job]) -> list[Ending]:
        """Deleted by a person, unless the right to read may have been lost."""
        if not jobs:
            return []
        try:
            hidden = Looker(self.tools.clients.table).hidden(jobs, self._deadline())
        except Fatal as error:
            raise Stopped(error) from error
        sentence = "Tickets can't be seen any more, or are hidden: grant the integration user read access."
        return [end.held(job, HIDDEN, sentence) if job.group in hidden else end.deleted(job) for job in jobs]

    # sending

    def _send(self, sends: Sequence[tuple[Job, v.Send]]) -> None:
        traced = [job.group for job, _ in sends if job.leaves_a_trace]
        self.tools.desk.intend(self.standing.fence, traced)
        try:
            deadline = self._deadline()
        except Retry:
            self.tools.desk.withdraw(traced)
            raise
        # Immediately before the bytes go out, by this process' own clock (promise 1, state-model 1.8).
        mine = [(job, send) for job, send in sends if self.lease.holds(job.item)]
        if not mine:
            return
        items = [_item(str(place), job, send) for place, (job, send) in enumerate(mine)]
        try:
            answer = self.tools.clients.batch.execute(items, deadline=deadline, urgent=self.urgent)
        except SyncError as error:
            self._failed([job for job, _ in mine], error)
            return
        self.tools.sizer.measured(
            (item.execution_ms for item in answer.serviced.values()), len(answer.unserviced)
        )
        self._answered([(*pair, read_batch(answer, str(place))) for place, pair in enumerate(mine)])

    def _failed(self, jobs: Sequence[Job], error: SyncError) -> None:
        """The batch as a whole got no good answer."""
        read = read_error(error)
        if read.next in (Next.UNCLEAR, Next.LOOK):
            self.tools.sizer.shrink()
            for job in jobs:
                self.lease.park(job.item, self._soon())
        else:
            self.tools.desk.withdraw([job.group for job in jobs])
        if isinstance(error, Fatal):
            raise Stopped(error) from error
        raise error

    def _answered(self, answers: Sequence[tuple[Job, v.Send, Read]]) -> None:
        by: dict[Next, list[tuple[Job, v.Send, Read]]] = {}
        for entry in answers:
            by.setdefault(entry[2].next, []).append(entry)
        self._wrote(by.get(Next.WROTE, ()))
        for job, _, read in by.get(Next.UNCLEAR, ()):
            self.lease.park(job.item, self._soon(), put_off(job.order, read.reason, read.sentence))
        surely_not = [
            *by.get(Next.LATER, ()),
            *by.get(Next.AGAIN, ()),
            *by.get(Next.DEAD, ()),
            *by.get(Next.STOP, ()),
        ]
        self.tools.desk.withdraw([job.group for job, _, _ in surely_not])
        self._later(by.get(Next.LATER, ()))
        self.again = [job for job, _, _ in by.get(Next.AGAIN, ())]
        self._settle([end.dead(job, read.reason, read.sentence) for job, _, read in by.get(Next.DEAD, ())])
        self._look_again(by.get(Next.LOOK, ()))
        if stopped := by.get(Next.STOP):
            raise Stopped(Fatal(stopped[0][2].reason, stopped[0][2].sentence))

    def _wrote(self, answers: Iterable[tuple[Job, v.Send, Read]]) -> None:
        now = int(self.tools.clock())
        done = []
        strange: list[Job] = []
        for job, send, read in answers:
            if read.record is None:
                continue
            if job.creates and read.record["sys_id"] != job.order.sys_id:
                strange.append(job)
            done.append(end.written(job, send, read.record, now))
        self._learn(strange, any(ending.job.creates for ending in done))
        self._settle(done)

    def _learn(self, strange: Sequence[Job], created: bool) -> None:
        """Whether the instance kept the sys_ids that we chose (state-model 1.9)."""
        fence = self.standing.fence
        if strange:
            table = strange[0].order.table
            self.tools.metrics.count(names.FIELDS_DROPPED, table, "sys_id", by=len(strange))
            sentence = (
                f"ServiceNow does not keep the sys_id that is chosen for {table}: creates are found by"
                " correlation_id from now on, 20 to a look-up."
            )
            self.tools.runs.tell(fence.run, "sys_id_not_kept", sentence)
        if strange and self._mode is not SysIdMode.LOOKUP:
            self.tools.desk.learn(fence.epoch, SysIdMode.LOOKUP)
        elif created and not strange and self._mode is SysIdMode.UNKNOWN:
            self.tools.desk.learn(fence.epoch, SysIdMode.HONOURED)

    def _later(self, answers: Iterable[tuple[Job, v.Send, Read]]) -> None:
        for job, _, read in answers:
            if read.semaphore:
                self.tools.clients.gate.throttled()
            body = put_off(job.order, read.reason, read.sentence) if read.blames else b""
            self.lease.park(job.item, read.seconds, body)

    def _look_again(self, refused: Sequence[tuple[Job, v.Send, Read]]) -> None:
        """Refused for good, yet perhaps carried out (servicenow-api 0#4): the ticket itself tells."""
        if not refused:
            return
        jobs = [job for job, _, _ in refused]
        seen = self._look(jobs, {job.group: 0.0 for job in jobs})
        done, absent = [], []
        for job, _, read in refused:
            verdict = self._verdict(job, seen, 0.0)
            if isinstance(verdict, v.Absent):
                absent.append(job)
            elif isinstance(verdict, v.Send | v.Wait):
                done.append(end.dead(job, read.reason, read.sentence))
            else:
                done.append(self._ending(job, verdict))
        self._settle([*done, *self._absent(absent)])

    # common to all

    def _settle(self, done: Sequence[Ending]) -> None:
        if not done:
            return
        overtaken = self.tools.settler.link(self.standing.fence.epoch, done, self._links)
        self._attach(done)
        self.tools.settler.record(self.standing.fence, done, overtaken)
        gone = self.lease.settle([ending.job.item for ending in done])
        # What was replaced or taken over meanwhile has another's word on whether its group is dirty.
        self.tools.settler.clean(self.standing.fence, [e for e in done if e.job.group in gone], overtaken)
        # Only now: an item that came back would find its file gone.
        for ending in done:
            if ending.job.order.attach_csv and ending.wrote:
                self.tools.csv_files(ending.job.order.run).drop(ending.job.group)

    def _attach(self, done: Sequence[Ending]) -> None:
        for ending in done:
            order, record = ending.job.order, ending.record
            if not (order.attach_csv and ending.wrote and record):
                continue
            content = self.tools.csv_files(order.run).content(ending.job.group)
            try:
                if not content:
                    raise Fatal("file_expired", "it is not in Redis any more.")
                self.tools.clients.attachments.ensure(
                    order.table, record["sys_id"], file_name(order), content, self._deadline()
                )
            except SyncError as error:
                sentence = f"The list of resources could not be attached to {ending.number}: {error}"
                self.tools.runs.tell(self.standing.fence.run, "attachment_failed", sentence)

    def _deadline(self) -> Deadline:
        """No request may outlive the lease."""
        left = self.lease.remaining - _LEASE_MARGIN
        if left <= 0:
            raise Retry("lease_lost", "The lease is about to end; the work returns by itself.")
        return Deadline(left)

    def _soon(self) -> float:
        return min(_SOON_SECONDS, self.tools.server_limit)


def _item(place: str, job: Job, send: v.Send) -> BatchItem:
    asked = returning(send.fields)
    if job.creates:
        return create_item(place, job.order.table, send.fields, asked)
    return patch_item(place, job.order.table, job.order.sys_id, send.fields, asked)
