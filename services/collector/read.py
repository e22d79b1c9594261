"""Reading one unit: pages of rows, passed through undecoded, with the evidence that they are all."""

import msgspec

from common.azure import kql
from common.azure.resource_graph import Page, Scope
from common.errors import Fatal, Park, Retry, Skip, Superseded
from common.http.deadline import Deadline
from common.observe.logs import log
from common.runtime.drain import Lease
from common.state.directory import subscription_of
from common.state.pages import Manifest, Pages
from common.state.queue import Claimed, Item
from common.state.runs import UnitRecord
from common.state.store import Fence
from services.collector.desk import Desk
from services.collector.parts import Parts
from services.collector.planning import prefixes_of
from services.collector.reading import Chain, pack_chain, unpack_chain
from services.collector.stage import CollectorStage, wait_after

TRIES = 3  # readings of a chain that is not exact, until it is taken as it is
_SECONDS = 600.0
_BROKEN = "skip_token_expired"


def flags_of(page: Page[msgspec.Raw]) -> str:
    """Why a page can't be evidence of absence; "" when it can."""
    return "truncated" if page.truncated else "no_total" if page.total < 0 else ""


def exact(manifest: Manifest) -> bool:
    """Whether a chain's rows are as many as Azure said, from its first page to its last."""
    return (
        manifest.complete
        and manifest.flags == ""
        and manifest.first_total == manifest.last_total == manifest.rows
    )


class Read(CollectorStage):
    """Stage `read`: a chain of pages into Redis, then a `map` item for the mapper."""

    queue = "read"

    def work(self, desk: Desk, fence: Fence, item: Claimed, lease: Lease) -> None:
        chain = unpack_chain(item.body)
        record = desk.runs.unit(fence.run, chain.unit)
        if record is None or record.state != "planned":
            if chain.attempt and (record is None or chain.attempt != record.attempt):
                self._pages(desk, fence, chain).drop()
            if record is not None:
                self._read_already(desk, fence, record)
            return
        self.context.memory.admit(running=bool(chain.token))
        if not chain.attempt:
            chain = chain.anew()
        reading = Reading(self, desk, fence, chain)
        try:
            reading.read(item, lease)
        except (Park, Retry) as error:
            self._later(desk, fence, item, lease, reading.chain, error)
            return
        except Superseded:
            reading.pages.drop()
            raise
        self._ended(desk, fence, item, lease, reading)

    @staticmethod
    def _read_already(desk: Desk, fence: Fence, record: UnitRecord) -> None:
        """Whoever read the unit, or gave it up, may have died before it told: what follows is put again."""
        if record.state == "read":
            item = Item(record.unit.encode(), -record.read, record.attempt.encode())
            desk.flow.put(desk.connection, fence, "map", [item])
        elif record.ended:
            desk.flow.unit_ended(desk.connection, fence, record.unit)

    def give_up(self, desk: Desk, fence: Fence, item: Claimed, error: Fatal) -> None:
        unit = unpack_chain(item.body).unit
        record = desk.runs.unit(fence.run, unit)
        if record is None or record.state != "planned":
            return
        failed = msgspec.structs.replace(record, state="failed", reason=error.reason)
        if desk.runs.move_unit(fence, ("planned",), failed):
            told = f"Subscription {subscription_of(unit)} was not read: {error}"
            desk.runs.tell(fence.run, error.reason, told)
            desk.flow.unit_ended(desk.connection, fence, unit)

    def _later(
        self, desk: Desk, fence: Fence, item: Claimed, lease: Lease, chain: Chain, error: Park | Retry
    ) -> None:
        """Put the chain off where it is; one that is broken begins anew."""
        if isinstance(error, Park):
            log("collector").info("chain_parked", unit=chain.unit, reason=error.reason, seconds=error.seconds)
            lease.park(item, error.seconds, pack_chain(chain))
            return
        failures = desk.failed_again(fence.run, self.name_of(item))
        if failures >= self.failures_in_a_row:
            raise Fatal(error.reason, f"{error} It was tried {failures} times.") from error
        if error.reason == _BROKEN:
            self._pages(desk, fence, chain).drop()
            chain = chain.anew()
        log("collector").info("chain_again", unit=chain.unit, reason=error.reason, failures=failures)
        lease.park(item, wait_after(failures), pack_chain(chain))

    def _ended(self, desk: Desk, fence: Fence, item: Claimed, lease: Lease, reading: "Reading") -> None:
        """The chain is whole: read it again if it is not exact, else hand it to the mapper."""
        chain, manifest = reading.chain, reading.pages.manifest()
        if not manifest.complete:
            raise Retry("pages_missing", f"Pages of {chain.unit} are not in Redis any more.")
        if not exact(manifest) and chain.tries + 1 < TRIES:
            reading.pages.drop()
            again = msgspec.structs.replace(chain.anew(), tries=chain.tries + 1)
            log("collector").info("chain_inexact", unit=chain.unit, tries=again.tries, flags=manifest.flags)
            lease.park(item, wait_after(again.tries), pack_chain(again))
            return
        if not lease.holds(item):
            raise Skip("lease_lost", f"another worker reads {chain.unit} by now")
        parts = Parts(desk, fence, chain)
        whole = parts.ended(manifest)
        if whole is not None:
            self._hand_over(desk, fence, chain, whole, manifest)
            parts.forget()

    def _hand_over(self, desk: Desk, fence: Fence, chain: Chain, attempt: str, manifest: Manifest) -> None:
        """The unit's pages stand under `attempt`; `manifest` is the chain's own."""
        record = desk.runs.unit(fence.run, chain.unit)
        if record is None or record.state != "planned":
            return
        if attempt != chain.attempt:
            manifest = Pages(desk.store, desk.connection, fence.run, chain.unit, attempt).manifest()
        good = exact(manifest)
        read = msgspec.structs.replace(
            record,
            state="read",
            attempt=attempt,
            tries=chain.tries + 1,
            read=manifest.rows,
            exact=good,
            reason="" if good else "inexact",
        )
        if not desk.runs.move_unit(fence, ("planned",), read):
            return
        if not good:
            told = (
                f"Azure's totals for subscription {subscription_of(chain.unit)} did not agree with its rows"
            )
            why = f" ({manifest.flags})" if manifest.flags else ""
            desk.runs.tell(fence.run, "inexact", f"{told}{why}: nothing is concluded from what is missing.")
        elif not desk.planning(fence):
            desk.directory.put_rows(fence, chain.unit, manifest.rows)
        item = Item(chain.unit.encode(), -manifest.rows, attempt.encode())
        desk.flow.put(desk.connection, fence, "map", [item])

    def _pages(self, desk: Desk, fence: Fence, chain: Chain) -> Pages:
        return Pages(desk.store, desk.connection, fence.run, chain.unit, chain.attempt)


class Reading:
    """One chain being read. `chain` is moved on with each page that is stored."""

    def __init__(self, stage: Read, desk: Desk, fence: Fence, chain: Chain) -> None:
        self._stage = stage
        self._desk = desk
        self._fence = fence
        self.chain = chain
        self.pages = Pages(desk.store, desk.connection, fence.run, chain.unit, chain.attempt)

    def read(self, item: Claimed, lease: Lease) -> None:
        """Read to the last page, with one page in memory at a time. Raises Skip when the lease is lost."""
        chain, context = self.chain, self._stage.context
        prefixes = prefixes_of(chain.part, chain.parts)
        query = kql.assessments_of(prefixes) if prefixes else kql.ASSESSMENTS
        pages = context.clients.of(self._desk.connection).graph.pages(
            query,
            msgspec.Raw,
            Scope(subscriptions=[subscription_of(chain.unit)]),
            deadline=Deadline(_SECONDS),
            page_size=context.settings.page_size,
            skip_token=chain.token,
            number=chain.number,
        )
        for page in pages:
            if not lease.holds(item):
                self.pages.drop()
                raise Skip("lease_lost", f"another worker reads {chain.unit} by now")
            self._store(page)
            self._desk.went_on(self._fence.run, self._stage.name_of(item))
            if not page.last:
                context.memory.admit(running=True)
            del page  # before the next one is asked for: a page may be 16 MB

    def _store(self, page: Page[msgspec.Raw]) -> None:
        self.pages.put_rows(
            self._fence,
            page.number,
            page.rows,
            page.total,
            last=page.last,
            flags=flags_of(page),
        )
        self.chain = msgspec.structs.replace(self.chain, number=page.number + 1, token=page.skip_token)
