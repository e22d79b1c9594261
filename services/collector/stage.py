"""What all stages of the collector have in common: fence, counting, patience with errors, sign-in."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from common.errors import Fatal, Retry, Superseded
from common.observe import names
from common.observe.logs import bound, log
from common.runtime.drain import Lease
from common.state.queue import Claimed
from common.state.runs import FAILED
from common.state.store import Fence
from services.collector.context import Context
from services.collector.desk import Desk

FAILURES_IN_A_ROW = 8
_LONGEST_WAIT = 60.0
SIGNIN_REFUSED = "signin_refused"


def wait_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row: 2, 4, 8, ... 60."""
    return min(_LONGEST_WAIT, 2.0**failures)


class CollectorStage(ABC):
    """One item at a time, in the run that it belongs to."""

    queue: str
    batch: int = 1
    side: ClassVar[str] = "azure"
    failures_in_a_row: ClassVar[int] = FAILURES_IN_A_ROW

    def __init__(self, context: Context) -> None:
        self.context = context

    def handle(self, connection: str, items: Sequence[Claimed], lease: Lease) -> None:
        desk = self.context.desk(connection)
        for item in items:
            fence = self._fence(desk, item)
            with (
                bound(connection=connection, run=fence.run, stage=self.queue),
                self.context.requests.counted(desk.runs, fence.run),
            ):
                self._patiently(desk, fence, item, lease)

    @staticmethod
    def _fence(desk: Desk, item: Claimed) -> Fence:
        """The fence of the current run, which must have put the item. Raises `Superseded`."""
        fence = desk.fence(desk.register.current_run())
        if not item.of(fence):
            raise Superseded
        return fence

    @abstractmethod
    def work(self, desk: Desk, fence: Fence, item: Claimed, lease: Lease) -> None:
        """Do one item."""

    @abstractmethod
    def give_up(self, desk: Desk, fence: Fence, item: Claimed, error: Fatal) -> None:
        """The item can't succeed in this run: leave the run in a state that can end."""

    def failed(self, connection: str, item: Claimed, error: Fatal) -> None:
        """Called for what needs a person. Raises `Superseded` when the run is over."""
        desk = self.context.desk(connection)
        fence = self._fence(desk, item)
        log("collector").error(
            "given_up", connection=connection, run=fence.run, queue=self.queue, reason=error.reason
        )
        self.give_up(desk, fence, item, error)

    def _patiently(self, desk: Desk, fence: Fence, item: Claimed, lease: Lease) -> None:
        name = self.name_of(item)
        try:
            self.work(desk, fence, item, lease)
        except Retry as error:
            self._again(desk, fence, item, lease, error)
        except Fatal as error:
            if error.reason != SIGNIN_REFUSED:
                raise
            self.context.metrics.set(names.SIGNIN_OK, 0, desk.connection, self.side)
            if not self.context.clients.renew(desk.connection):
                raise
            self._again(desk, fence, item, lease, Retry(error.reason, str(error)))
        else:
            self.context.metrics.set(names.SIGNIN_OK, 1, desk.connection, self.side)
            if lease.holds(item):  # else it was put off, perhaps for a failure
                desk.went_on(fence.run, name)

    def _again(self, desk: Desk, fence: Fence, item: Claimed, lease: Lease, error: Retry) -> None:
        """Give the item back for later; after too many failures in a row it is given up."""
        failures = desk.failed_again(fence.run, self.name_of(item))
        if failures >= self.failures_in_a_row:
            raise Fatal(error.reason, f"{error} It was tried {failures} times.") from error
        log("collector").info("again", reason=error.reason, why=str(error), failures=failures)
        lease.park(item, wait_after(failures))

    def fail_run(self, desk: Desk, fence: Fence, reason: str, sentence: str) -> None:
        """End the run as failed."""
        if desk.fail_run(fence, reason, sentence):
            self.context.metrics.count(names.RUNS, desk.connection, FAILED)

    def name_of(self, item: Claimed) -> str:
        """A short name of the item for the count of its failures."""
        return f"{self.queue}:{item.id.decode(errors='replace')}"
