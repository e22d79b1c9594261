"""Builds a unit's next generation beside the current one, bucket by bucket, so that memory stays flat."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from common.state.units import (
    RECORD,
    SKIP_CODES,
    Generation,
    Index,
    Record,
    bucket_of,
    buckets_for,
    is_skip,
    pack,
    unpack,
)
from services.mapper.absence import Absence, absence, missing
from services.mapper.mapping import CHANGED, UNREADABLE, Changes

_GROW = 4


@dataclass(slots=True)
class Tally:
    """Counts over what was read in this run, and the records that must be asked for again.

    `skips` counts by the code of the reason (`common.state.units.code_of`).
    """

    matched: int = 0
    skips: Counter[int] = field(default_factory=Counter)
    repeated: int = 0
    ask: list[Record] = field(default_factory=list)

    def count(self, group: bytes) -> None:
        if is_skip(group):
            self.skips[int.from_bytes(group, "big")] += 1
        else:
            self.matched += 1

    def forget(self, group: bytes) -> None:
        """Take back a finding whose row could not be read: it is counted as malformed."""
        if is_skip(group):
            self.skips[int.from_bytes(group, "big")] -= 1
        else:
            self.matched -= 1


def wanted_buckets(generation: Generation, findings: int) -> int:
    """Buckets of the next generation: as now, until there are four times as many findings."""
    needed = buckets_for(findings)
    if generation.buckets and needed <= generation.buckets * _GROW:
        return generation.buckets
    return needed


def current_bucket(load: Callable[[int], bytes], now: int, wanted: int, number: int) -> bytes:
    """Bucket `number` of `wanted` out of a generation that has `now` buckets."""
    if now == 0:
        return b""
    if now == wanted:
        return load(number)
    data = load(number * now // wanted)
    return b"".join(pack(record) for record in unpack(data) if bucket_of(record.key, wanted) == number)


def touched_buckets(index: Index, changes: Changes) -> set[int]:
    """Buckets in which something is new, changed or absent."""
    numbers = set(changes.records)
    at = index.seen.find(0)
    while at >= 0:
        numbers.add(bucket_of(index.key_head(at), changes.buckets))
        at = index.seen.find(0, at + 1)
    return numbers


def merge(
    current: bytes,
    index: Index,
    changed: bytes,
    tally: Tally,
    *,
    exact: bool,
    ticket_open: Callable[[Sequence[bytes]], set[bytes]],
) -> bytes:
    """The next generation's bucket: what stays, what changed, and what becomes of the absent."""
    records: dict[bytes, Record] = {}
    absent: list[Record] = []
    for record in unpack(current):
        mark = index.seen[index.find(record.key)]
        if mark == 0:
            absent.append(record)
        elif mark != CHANGED:
            records[record.key] = record
            if mark != UNREADABLE:
                tally.count(record.group)
    for record in _distinct(changed, tally):
        records[record.key] = record
    for record in _left(absent, tally, exact=exact, ticket_open=ticket_open):
        records[record.key] = record
    return b"".join(pack(records[key]) for key in sorted(records))


def _distinct(changed: bytes, tally: Tally) -> Iterator[Record]:
    latest: dict[bytes, Record] = {}
    for record in unpack(changed):
        latest[record.key] = record
    tally.repeated += len(changed) // RECORD.size - len(latest)
    for record in latest.values():
        tally.count(record.group)
        yield record


def _left(
    absent: Sequence[Record],
    tally: Tally,
    *,
    exact: bool,
    ticket_open: Callable[[Sequence[bytes]], set[bytes]],
) -> Iterator[Record]:
    held = ticket_open(list({record.group for record in absent if not is_skip(record.group)}))
    for record in absent:
        match absence(record, ticket_open=record.group in held, exact=exact):
            case Absence.KEEP:
                yield record
            case Absence.ASK:
                tally.ask.append(record)
                yield missing(record)
            case Absence.DROP:
                pass


def count_untouched(index: Index, buckets: int, touched: set[int], tally: Tally) -> None:
    """Add the findings of the buckets that needed no merging: all of them were read and are unchanged."""
    for number in range(buckets):
        if number in touched:
            continue
        span = index.bucket_range(number, buckets)
        groups = index.groups[span.start : span.stop]
        skips = Counter(group for group in groups if group <= SKIP_CODES)
        tally.skips.update(skips)
        tally.matched += len(groups) - skips.total()
        at = index.seen.find(UNREADABLE, span.start, span.stop)
        while at >= 0:
            tally.forget(index.group(at))
            at = index.seen.find(UNREADABLE, at + 1, span.stop)
