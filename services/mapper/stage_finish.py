"""Finishes a unit: answers about missing findings, contributions to groups, the generation's commit."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import zstandard

from common.errors import Fatal, Retry
from common.identity import finding_key, unit_key
from common.model.finding import Standing
from common.runtime.drain import Lease
from common.state import keys
from common.state.groups import Share
from common.state.queue import Claimed
from common.state.runs import UnitRecord, pack_unit
from common.state.store import Store, octets, text
from common.state.units import IDS_PER_BUCKET, Ids, Members, bucket_of, buckets_for, pack, unpack, unpack_ids
from services.mapper.absence import answered
from services.mapper.mapping import FLUSHES, FRAGMENT_BUCKETS
from services.mapper.run_view import RunView, Views
from services.mapper.shares import Part, add_up, batches, by_group, ranges, touched_groups
from services.mapper.staging import current_bucket

_RECORDS_IN_MEMORY = 30_000  # 1 MB
_RECORDS_AT_ONCE = 4_000  # with their ids, some 3 MB


class FinishStage:
    """Queue `finish`: one item is one unit whose missing findings were asked for."""

    queue = "finish"
    batch = 1

    def __init__(self, views: Views) -> None:
        self._views = views

    def handle(self, connection: str, items: Sequence[Claimed], lease: Lease) -> None:  # noqa: ARG002 - one pass is short
        view = self._views.current(connection)
        for item in view.own(items):
            record = view.runs.unit(view.run, item.id.decode())
            if record is not None and not record.ended:
                self.finish(view, record)
            elif record is not None:
                # Whoever ended it may have died before it said so.
                self._views.flow.unit_ended(connection, view.fence, record.unit)

    def failed(self, connection: str, item: Claimed, error: Fatal) -> None:
        view = self._views.of(connection, item)
        unit = item.id.decode()
        before = view.runs.unit(view.run, unit) or UnitRecord(unit)
        failed = msgspec.structs.replace(before, state="failed", reason=error.reason)
        if view.runs.move_unit(view.fence, ("mapped",), failed):
            view.runs.tell(view.run, error.reason, f"unit {unit} could not be finished: {error}")
        self._views.flow.unit_ended(connection, view.fence, unit)

    def finish(self, view: RunView, record: UnitRecord) -> None:
        """Contribute and commit. In plan mode only the overlay is written."""
        unit = UnitFinish(self._views, view, record)
        unit.answer()
        unit.contribute()
        unit.commit()
        self._views.flow.unit_ended(view.connection, view.fence, record.unit)


class Fragments:
    """Ids that mapping collected, in fragments named `<bucket>:<number>`; one bucket is held at a time."""

    def __init__(self, store: Store, key: bytes) -> None:
        self._store = store
        self._key = key
        self._flushes: int | None = None
        self._held = -1
        self._content: list[dict[bytes, Members]] = []

    def of(self, group: bytes) -> list[str]:
        number = bucket_of(group, FRAGMENT_BUCKETS)
        if number != self._held:
            self._load(number)
        return [finding for content in self._content if group in content for finding in content[group].ids]

    def _load(self, number: int) -> None:
        if self._flushes is None:
            self._flushes = int(text(self._store.client.hget(self._key, FLUSHES)) or "0")
        names = [f"{number}:{flush}" for flush in range(self._flushes)]
        found = self._store.client.hmget(self._key, names) if names else []
        self._held, self._content = number, [unpack_ids(octets(packed)) for packed in found]


class UnitFinish:
    """The finish of one unit in one run."""

    def __init__(self, views: Views, view: RunView, record: UnitRecord) -> None:
        self._store = views.store
        self._view = view
        self._record = record
        self._unit = unit_key(record.unit)
        self._generation = view.units.generation(record.unit)
        self._stage_key = self._key("stage")
        self._fragments = Fragments(self._store, self._key("ids"))
        pipe = self._store.client.pipeline(transaction=False)
        pipe.hkeys(self._stage_key)
        pipe.hget(self._stage_key, "buckets")
        pipe.get(self._answers_key())
        names, staged, answers = pipe.execute()
        self._numbers = sorted(int(name) for name in names if name.isdigit())
        self._buckets = int(text(staged)) if staged else self._generation.buckets
        self._answers = octets(answers)

    def _answers_key(self) -> bytes:
        return keys.unit_part(self._view.connection, self._view.run, "answers", self._unit)

    def _key(self, part: str) -> bytes:
        return keys.staged(self._view.connection, self._view.run, part, self._record.stage, self._unit)

    def answer(self) -> None:
        """Put what Resource Graph said of missing findings into the staged records.

        By compare and set: of two workers with different answers the first one's stand for both.
        """
        if not self._answers:
            return
        unpacked = zstandard.ZstdDecompressor().decompress(self._answers)
        decoded = msgspec.msgpack.decode(unpacked, type=dict[str, int])
        standings = {finding_key(finding): Standing(value) for finding, value in decoded.items()}
        for number in self._numbers:
            before = self._after(number)
            records = [
                answered(r, standings[r.key]) if r.standing == Standing.MISSING and r.key in standings else r
                for r in unpack(before)
            ]
            swap = [str(number), before, b"".join(map(pack, records))]
            self._store.fenced("swap", self._view.fence, self._view.connection, [self._stage_key], swap)

    def contribute(self) -> None:
        """Overwrite this unit's contributions to every group that it touched."""
        touched: set[bytes] = set()
        for number in self._numbers:
            touched |= touched_groups(self._before(number), self._after(number))
        if not touched:
            return
        stored = Ids(self._store, self._view.connection, self._unit)
        now = stored.buckets()
        wanted = now or buckets_for(self._record.matched, IDS_PER_BUCKET)
        for groups, parts in self._portions(touched, wanted):
            self._contribute(groups, parts)
            if not self._view.plan:
                numbers = {bucket_of(group, wanted) for group in groups}
                changed = {number: stored.load(number) if now else {} for number in numbers}
                self._save_ids(stored, wanted, changed, groups, parts)

    def _portions(self, touched: set[bytes], wanted: int) -> Iterator[tuple[set[bytes], dict[bytes, Part]]]:
        """Some of the groups and their parts at a time: of the records, and fewer still with their ids."""
        passes = 1 + self._record.matched // _RECORDS_IN_MEMORY
        for numbers in ranges(wanted, passes):
            wide = {group for group in touched if bucket_of(group, wanted) in numbers}
            spread = by_group(self._all_buckets(), wide, wanted) if wide else []
            for narrow in batches(spread, _RECORDS_AT_ONCE):
                if groups := {group for group in wide if bucket_of(group, wanted) in narrow}:
                    yield groups, add_up(spread[number] for number in narrow)

    def _contribute(self, groups: set[bytes], parts: Mapping[bytes, Part]) -> None:
        facts = self._view.groups.facts(sorted(groups))
        if unknown := groups - facts.keys():
            why = f"{len(unknown)} groups of unit {self._record.unit} are not known any more"
            raise Retry("facts_missing", why)
        shares = [
            Share(group, facts[group], parts[group].contribution() if group in parts else None)
            for group in sorted(groups)
        ]
        self._view.groups.contribute(self._view.fence, self._unit, shares)

    def _save_ids(
        self,
        stored: Ids,
        wanted: int,
        changed: dict[int, dict[bytes, Members]],
        groups: set[bytes],
        parts: Mapping[bytes, Part],
    ) -> None:
        """Rewrite the touched groups' ids, worst first."""
        for group in sorted(groups):
            number = bucket_of(group, wanted)
            known = {finding_key(i): i for i in changed[number].get(group, Members(0, [])).ids}
            known.update({finding_key(i): i for i in self._fragments.of(group)})
            part = parts.get(group)
            if part is None:
                changed[number].pop(group, None)
            else:
                changed[number][group] = part.members(known)
        stored.save(self._view.fence, self._generation.version, wanted, changed)

    def commit(self) -> None:
        """Put the staged buckets in place, once; the unit is done."""
        done = msgspec.structs.replace(self._record, state="done")
        if self._view.plan:
            self._view.runs.move_unit(self._view.fence, ("mapped",), done)
            return
        names = [
            keys.generation(self._view.connection, self._unit),
            self._stage_key,
            keys.run(self._view.connection, self._view.run, "units"),
        ]
        args = [self._generation.version, self._view.run, self._record.unit, pack_unit(done)]
        self._store.fenced("commit_unit", self._view.fence, self._view.connection, names, args)
        self._store.client.unlink(self._key("ids"), self._key("missing"), self._answers_key())

    def _before(self, number: int) -> bytes:
        """The current generation's records that lie in the bucket `number` of the next one."""
        if self._generation.buckets == self._buckets:
            return self._view.units.bucket(self._record.unit, number)
        return current_bucket(
            lambda n: self._view.units.bucket(self._record.unit, n),
            self._generation.buckets,
            self._buckets,
            number,
        )

    def _after(self, number: int) -> bytes:
        staged = self._store.client.hget(self._stage_key, str(number))
        return octets(staged) if staged is not None else self._view.units.bucket(self._record.unit, number)

    def _all_buckets(self) -> Iterator[bytes]:
        for number in range(self._buckets):
            yield self._after(number)
