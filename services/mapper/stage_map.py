"""Maps a unit that was read: classifies what changed and stages the unit's next generation."""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import zstandard

from common.azure.findings import Malformed, to_finding
from common.errors import Fatal, Skip
from common.identity import finding_key, unit_key
from common.model.finding import Standing, Subscription
from common.runtime.drain import Lease
from common.runtime.heap import give_back
from common.state import keys
from common.state.directory import Directory, subscription_of
from common.state.pages import Manifest, Pages
from common.state.queue import Claimed, Item
from common.state.runs import UnitRecord
from common.state.store import octets
from common.state.unit_tags import UnitTags
from common.state.units import RECORD, Generation, Ids, Members, Record, bucket_of, code_of, pack_ids
from services.mapper.classify import wants_tags
from services.mapper.mapping import FLUSHES, FRAGMENT_BUCKETS, Changes, Lookups, UnitReader
from services.mapper.page_rows import decode_page
from services.mapper.run_view import RunView, Views
from services.mapper.staging import (
    Tally,
    count_untouched,
    current_bucket,
    merge,
    touched_buckets,
    wanted_buckets,
)

STAGE_TTL = 24 * 3600
_MAPPING_TTL = 3600  # of a mapping under way: what a killed worker left is soon gone
_PARTS = ("stage", "ids", "missing", "records")
_IDS_IN_MEMORY = 5_000
_RECORDS_IN_MEMORY = 30_000
_LARGE = 20_000  # findings of a unit whose memory is worth giving back


class MapStage:
    """Queue `map`: one item is one unit."""

    queue = "map"
    batch = 1

    def __init__(self, views: Views, finish: Callable[[RunView, UnitRecord], None]) -> None:
        self._views = views
        self._finish = finish

    def handle(self, connection: str, items: Sequence[Claimed], lease: Lease) -> None:  # noqa: ARG002 - one pass is short
        view = self._views.current(connection)
        for item in view.own(items):
            record = view.runs.unit(view.run, item.id.decode())
            if record is None or item.body.decode() not in ("", record.attempt):
                continue
            if record.state == "read":
                self._map(view, record)
            else:
                self._go_on(view, record)

    def failed(self, connection: str, item: Claimed, error: Fatal) -> None:
        view = self._views.of(connection, item)
        unit = item.id.decode()
        before = view.runs.unit(view.run, unit) or UnitRecord(unit)
        failed = msgspec.structs.replace(before, state="failed", reason=error.reason)
        if view.runs.move_unit(view.fence, ("read",), failed):
            view.runs.tell(view.run, error.reason, f"unit {unit} could not be mapped: {error}")
            self._views.flow.unit_ended(connection, view.fence, unit)
        else:
            self._go_on(view, before)

    def _map(self, view: RunView, record: UnitRecord) -> None:
        store = self._views.store
        pages = Pages(store, view.connection, view.run, record.unit, record.attempt)
        manifest = pages.manifest()
        if not manifest.complete:
            raise Fatal("unit_incomplete", "a page is not in Redis any more: the next run reads it again")
        tags = UnitTags(store, view.connection, view.run, record.unit)
        read = tags.read() if view.compiled.matches_tags else {}
        if read is None and not tags.want(wanted_resources(pages.read(manifest.pages), view, record.unit)):
            read = {}
        if read is None:
            self._views.flow.put(view.connection, view.fence, "tags", [Item(record.unit.encode(), 0, b"")])
            return
        mapped = UnitMapping(self._views, view, record, manifest)
        mapped.read(pages.read(manifest.pages), read)
        done = mapped.stage()
        stands = view.runs.move_unit(view.fence, ("read",), done)
        if not stands:
            mapped.drop()
        del mapped  # its index and changes: finishing needs the memory
        if manifest.rows > _LARGE:
            give_back()
        if going := done if stands else view.runs.unit(view.run, record.unit):
            self._go_on(view, going)

    def _go_on(self, view: RunView, record: UnitRecord) -> None:
        """What follows a mapping, whoever mapped the unit: that worker may have died before it did this."""
        store, unit = self._views.store, record.unit
        key = keys.staged(view.connection, view.run, "missing", record.stage, unit_key(unit))
        if record.ended:
            self._views.flow.unit_ended(view.connection, view.fence, unit)
        elif store.client.exists(key):
            self._views.flow.put(view.connection, view.fence, "confirm", [Item(unit.encode(), 0, b"")])
        else:
            self._finish(view, record)
        Pages(store, view.connection, view.run, unit, record.attempt).drop()
        if view.compiled.matches_tags:
            UnitTags(store, view.connection, view.run, unit).drop()


def subscriptions_of(directory: Directory, unit: str) -> dict[str, Subscription]:
    """The unit's subscription by its id."""
    key = subscription_of(unit)
    found = directory.subscription(key)
    return {key: found} if found else {}


def wanted_resources(pages: Iterator[bytes], view: RunView, unit: str) -> Iterator[str]:
    """Resources whose tags decide which rule takes a finding of them.

    Findings that are not open need no rule, but where their tickets have to be found again.
    """
    subscriptions = subscriptions_of(view.directory, unit)
    fixed_too = adopts(view, view.units.generation(unit))
    for page in pages:
        for row in decode_page(page):
            try:
                finding = to_finding(row, view.recommendations, subscriptions)
            except (Malformed, Skip):
                continue
            if (fixed_too or finding.standing == Standing.OPEN) and wants_tags(finding, view.compiled):
                yield finding.resource_id


def adopts(view: RunView, generation: Generation) -> bool:
    """Whether the unit is new to this incarnation of Redis, and tickets may hold its findings."""
    return generation.version == "" and view.links.count() > 0


class UnitMapping:
    """One mapping of a unit in a run. What it stages is its own: another worker may be at the same unit."""

    def __init__(self, views: Views, view: RunView, record: UnitRecord, manifest: Manifest) -> None:
        self._views = views
        self._store = views.store
        self._view = view
        self._record = record
        self._manifest = manifest
        self._unit = unit_key(record.unit)
        self._generation: Generation = view.units.generation(record.unit)
        self._index = view.units.index(record.unit, self._generation)
        self._changes = Changes(wanted_buckets(self._generation, max(manifest.rows, len(self._index))))
        self._flushes = 0
        self._records_flushed: dict[int, list[str]] = defaultdict(list)
        self._name = secrets.token_hex(4)

    def read(self, pages: Iterator[bytes], tags: Mapping[str, Mapping[str, str]]) -> None:
        """Stream the pages; only what changed stays in memory."""
        directory = self._view.directory
        subscriptions = subscriptions_of(directory, self._record.unit)
        reader = UnitReader(
            self._view.compiled,
            self._view.recommendations,
            subscriptions,
            self._index,
            self._changes,
            # Redis may have been put back to an older dump: a ticket may be there for what it never saw.
            Lookups(self._view.open_groups, self._view.links.count() > 0),
            self._view.salts,
            tags,
        )
        for page in pages:
            reader.page(page)
            del page  # before the next one is unpacked: a page may be 16 MB
            if sum(map(len, self._changes.ids.values())) >= _IDS_IN_MEMORY:
                self._flush_ids()
            if sum(map(len, self._changes.records.values())) >= _RECORDS_IN_MEMORY * RECORD.size:
                self._flush_records()
            self._keep_facts()
        self._flush_ids()

    def stage(self) -> UnitRecord:
        """Write the next generation's changed buckets beside the current one; answers the unit's record."""
        changes, generation, tally = self._changes, self._generation, Tally()
        wanted = changes.buckets
        rebuild = generation.buckets != wanted
        touched = (
            set(range(wanted))
            if rebuild
            else touched_buckets(self._index, changes) | self._records_flushed.keys()
        )
        exact = self._exact()
        for number in sorted(touched):
            current = current_bucket(self._bucket, generation.buckets, wanted, number)
            merged = merge(
                current,
                self._index,
                self._fresh(number),
                tally,
                exact=exact,
                ticket_open=self._view.ticket_open,
            )
            if rebuild or merged != current:
                self._stage({str(number): merged})
        if rebuild:
            self._stage({"buckets": str(wanted).encode()})
        self._store.client.unlink(self._key("records"))
        count_untouched(self._index, wanted, touched, tally)
        self._ask(tally.ask)
        self._keep_reasons()
        return self._done(tally, exact=exact)

    def _exact(self) -> bool:
        """Whether the unit's totals agree, so that absence means something."""
        manifest, changes = self._manifest, self._changes
        distinct = changes.read - changes.repeated - self._repeated_fresh()
        return (
            manifest.flags == ""
            and self._record.exact
            and manifest.first_total == manifest.last_total == distinct
        )

    def _repeated_fresh(self) -> int:
        """Rows of findings new to us that came twice."""
        twice = 0
        for number in self._changes.records.keys() | self._records_flushed.keys():
            packed = self._fresh(number)
            heads = [packed[at : at + 12] for at in range(0, len(packed), RECORD.size)]
            twice += len(heads) - len(set(heads))
        return twice

    def _fresh(self, number: int) -> bytes:
        """The records of a bucket that are new or changed, in the order in which they were read."""
        names = self._records_flushed.get(number)
        flushed = self._store.client.hmget(self._key("records"), names) if names else []
        return b"".join([*map(octets, flushed), self._changes.records.get(number, b"")])

    def _flush_records(self) -> None:
        """Move collected records to Redis: a first sync of a large unit has as many as there are rows."""
        flat: list[str | bytes] = []
        for number, packed in self._changes.records.items():
            names = self._records_flushed[number]
            names.append(f"{number}:{len(names)}")
            flat += [names[-1], bytes(packed)]
        self._put("records", flat)
        self._changes.records.clear()

    def _bucket(self, number: int) -> bytes:
        return self._view.units.bucket(self._record.unit, number)

    def drop(self) -> None:
        """Free what this mapping left: another one was faster."""
        self._store.client.unlink(*map(self._key, _PARTS))

    def _key(self, part: str) -> bytes:
        return keys.staged(self._view.connection, self._view.run, part, self._name, self._unit)

    def _stage(self, fields: dict[str, bytes]) -> None:
        self._put("stage", [part for pair in fields.items() for part in pair])

    def _put(self, part: str, flat: Sequence[str | bytes]) -> None:
        """Set fields of a part of this mapping. Raises `Superseded`."""
        self._store.fenced("set", self._view.fence, self._view.connection, [self._key(part)], flat)
        self._store.client.expire(self._key(part), _MAPPING_TTL)

    def _flush_ids(self) -> None:
        """Move collected ids to Redis, as one fragment for each group bucket."""
        if not self._changes.ids:
            return
        parts: dict[int, dict[bytes, Members]] = {}
        for group, ids in self._changes.ids.items():
            parts.setdefault(bucket_of(group, FRAGMENT_BUCKETS), {})[group] = Members(0, ids)
        fields = {f"{number}:{self._flushes}": pack_ids(content) for number, content in parts.items()}
        self._flushes += 1
        flat: list[str | bytes] = [part for pair in fields.items() for part in pair]
        self._put("ids", [*flat, FLUSHES, str(self._flushes)])
        self._changes.ids.clear()

    def _keep_facts(self) -> None:
        if self._changes.facts:
            self._view.groups.know(self._changes.facts)
            self._changes.facts.clear()

    def _keep_reasons(self) -> None:
        """Remember what the codes in the records mean."""
        if self._changes.reasons:
            key = keys.named(self._view.connection, "skips")
            for reason in self._changes.reasons:
                self._store.client.hset(key, str(code_of(reason)), reason)

    def _ask(self, records: Sequence[Record]) -> None:
        """Write down the ids that must be asked for again."""
        if not records:
            return
        stored = Ids(self._store, self._view.connection, self._unit)
        by_group: dict[bytes, set[bytes]] = {}
        for record in records:
            by_group.setdefault(record.group, set()).add(record.key)
        ids = [
            finding
            for group, wanted in by_group.items()
            for finding in stored.of(group).ids
            if finding_key(finding) in wanted
        ]
        packed = zstandard.ZstdCompressor(level=1).compress(msgspec.msgpack.encode(ids))
        self._store.client.set(self._key("missing"), packed, ex=STAGE_TTL)

    def _done(self, tally: Tally, *, exact: bool) -> UnitRecord:
        for part in _PARTS:
            self._store.client.expire(self._key(part), STAGE_TTL)
        changes, skips = self._changes, {code: n for code, n in tally.skips.items() if n}
        reasons = self._views.reasons(self._view.connection, skips)
        return msgspec.structs.replace(
            self._record,
            state="mapped",
            stage=self._name,
            read=changes.read,
            matched=tally.matched,
            skipped={reasons.get(code, "other"): n for code, n in skips.items()},
            malformed=changes.malformed.total(),
            repeated=changes.repeated + tally.repeated,
            exact=exact,
            reason="" if exact else "inexact",
        )
