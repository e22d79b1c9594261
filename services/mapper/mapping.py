"""One unit's pages against its current generation: the unchanged is passed over, the rest classified."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from common.azure.findings import Malformed, to_finding
from common.azure.rows import AssessmentRow, decode_row
from common.errors import Skip
from common.identity import finding_key, group_of, normalise
from common.model.finding import Finding, Recommendation, Standing, Subscription
from common.model.group import GroupFacts
from common.state.units import Index, Record, bucket_of, pack, skip_code
from services.mapper.classify import Compiled, Current, Matched, classify
from services.mapper.page_rows import heads_of
from services.mapper.salts import Salts

SEEN, CHANGED, UNREADABLE = 1, 2, 3
FRAGMENT_BUCKETS = 256
FLUSHES = "flushes"  # beside the fragments: how many there may be of each bucket
_SKIPPED_STANDING = {
    Standing.HEALTHY: "healthy",
    Standing.MITIGATED: "healthy",
    Standing.WAIVED: "exempt",
    Standing.OFF: "not_applicable",
}
_ADOPTABLE = (Standing.HEALTHY, Standing.MITIGATED)
_encode = msgspec.msgpack.Encoder().encode


@dataclass(slots=True)
class Changes:
    """What a unit's pages hold that its current generation does not."""

    buckets: int
    records: dict[int, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    ids: dict[bytes, list[str]] = field(default_factory=lambda: defaultdict(list))
    facts: dict[bytes, GroupFacts] = field(default_factory=dict)
    reasons: set[str] = field(default_factory=set)
    read: int = 0
    repeated: int = 0
    malformed: Counter[str] = field(default_factory=Counter)

    def put(self, record: Record) -> None:
        self.records[bucket_of(record.key, self.buckets)] += pack(record)


@dataclass(frozen=True, slots=True)
class Lookups:
    """What classification needs to know of the state, in batches.

    `open_groups` answers which of the groups have a ticket that holds its findings, with their facts;
    `adopt` says that findings that are not open must be matched with tickets too (the unit is new to this
    incarnation of Redis, and there are tickets).
    """

    open_groups: Callable[[Sequence[bytes]], Mapping[bytes, GroupFacts | None]]
    adopt: bool


def _resource_of(content: msgspec.Raw) -> str:
    """The `resource_id` that the row's finding has; "" where the row can't be read."""
    try:
        row = decode_row(content, AssessmentRow)
    except msgspec.ValidationError:
        return ""
    if row.resourceId:
        return normalise(row.resourceId)
    return normalise(row.id or "").rpartition("/providers/microsoft.security/assessments/")[0]


class _Row(NamedTuple):
    """A row that is not as it was: its position in the index is -1 when its finding is new."""

    content: msgspec.Raw
    key: bytes
    print: bytes
    at: int


class _Fresh(NamedTuple):
    """The finding of such a row: its fingerprint, and its group and adoption until now."""

    finding: Finding
    print: bytes
    group: bytes
    adopted: bool


class UnitReader:
    """Streams a unit's pages into changes."""

    def __init__(
        self,
        rules: Compiled,
        recommendations: Mapping[str, Recommendation],
        subscriptions: Mapping[str, Subscription],
        index: Index,
        changes: Changes,
        lookups: Lookups,
        salts: Salts,
        tags: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._rules = rules
        self._recommendations = recommendations
        self._subscriptions = subscriptions
        self._index = index
        self._lookups = lookups
        self._salts = salts
        self._tags = tags
        self.changes = changes

    def page(self, rows_json: bytes) -> None:
        """Take one page: the JSON array as Resource Graph sent it.

        A row whose fingerprint is in the index is passed over, and neither decoded nor looked up by its key.
        """
        rows, heads = heads_of(rows_json)
        self.changes.read += len(rows)
        changed: list[_Row] = []
        known, seen = self._index.positions, self._index.seen
        for row, head in zip(rows, heads, strict=True):
            if head is None or not head.id:
                self.changes.malformed["malformed_row" if head is None else "no_id"] += 1
                continue
            print_ = self._fingerprint(row, head.name or head.id.rpartition("/")[2])
            at = known.get(print_, -1)
            if at >= 0 and not seen[at]:
                seen[at] = SEEN
            elif one := self._changed(row, head.id, print_):
                changed.append(one)
        if changed:
            self._classify(changed)

    def _changed(self, row: msgspec.Raw, finding_id: str, print_: bytes) -> _Row | None:
        """The row, unless it came before or is as it was; its place in the index is marked."""
        index, key = self._index, finding_key(finding_id)
        at = index.find(key) if len(index) else -1
        if at >= 0:
            if index.seen[at]:
                self.changes.repeated += 1
                return None
            if index.fingerprints[at] == int.from_bytes(print_, "big"):
                index.seen[at] = SEEN
                return None
            index.seen[at] = CHANGED
        return _Row(row, key, print_, at)

    def _fingerprint(self, row: msgspec.Raw, name: str) -> bytes:
        """8 bytes over what rules and templates read, the rules and the metadata of the recommendation."""
        salt = self._salts[name]
        # Lower-cased, since ids flip case between reads (defender-api 0#10).
        content = salt + bytes(row).lower()
        if self._tags and (tags := self._tags.get(_resource_of(row))):
            content += _encode(sorted(tags.items()))
        return hashlib.blake2b(content, digest_size=8).digest()

    def _finding(self, row: _Row) -> Finding | None:
        """The row's finding; None, and counted, where there is none."""
        try:
            finding = to_finding(
                decode_row(row.content, AssessmentRow), self._recommendations, self._subscriptions
            )
        except msgspec.ValidationError:
            self._unreadable("malformed_row", row.at)
        except Malformed as error:
            self._unreadable(error.reason, row.at)
        except Skip as error:
            self.changes.put(Record(row.key, row.print, self._skip(error.reason), int(Standing.HEALTHY), 0))
        else:
            tags = self._tags.get(finding.resource_id)
            return msgspec.structs.replace(finding, tags=tags) if tags else finding
        return None

    def _unreadable(self, reason: str, at: int) -> None:
        self.changes.malformed[reason] += 1
        if at >= 0:
            self._index.seen[at] = UNREADABLE

    def _classify(self, rows: Sequence[_Row]) -> None:
        findings: list[_Fresh] = []
        for row in rows:
            finding = self._finding(row)
            if finding is not None:
                group = self._index.group(row.at) if row.at >= 0 else b""
                adopted = row.at >= 0 and self._index.standings[row.at] == Standing.ADOPTED
                findings.append(_Fresh(finding, row.print, group, adopted))
        known = self._lookups.open_groups([one.group for one in findings if one.group])
        would = self._tickets_of_fixed(findings) if self._lookups.adopt else {}
        for one in findings:
            facts = known.get(one.group) if one.group else would.get(one.finding.key)
            current = Current(facts, one.group or group_of(facts.identity)) if facts is not None else None
            adopts = one.adopted or (current is not None and not one.group)
            standing = one.finding.standing
            if adopts and current is not None and standing in _ADOPTABLE:
                standing = Standing.ADOPTED
            self._keep(one.finding, one.print, current, standing)

    def _tickets_of_fixed(self, findings: Iterable[_Fresh]) -> dict[bytes, GroupFacts]:
        """Findings that are fixed, by key, whose would-be group has an open ticket."""
        wanted: dict[bytes, Matched] = {}
        for one in findings:
            if one.finding.standing in _ADOPTABLE and not one.group:
                answer = classify(one.finding, self._rules)
                if isinstance(answer, Matched):
                    wanted[one.finding.key] = answer
        known = self._lookups.open_groups(list({match.group for match in wanted.values()}))
        return {key: match.facts for key, match in wanted.items() if match.group in known}

    def _keep(self, finding: Finding, print_: bytes, current: Current | None, standing: Standing) -> None:
        if current is None and finding.standing != Standing.OPEN:
            group = self._skip(_SKIPPED_STANDING[finding.standing])
        else:
            answer = classify(finding, self._rules, current)
            if isinstance(answer, Matched):
                group = answer.group
                self.changes.facts[group] = answer.facts
                self.changes.ids[group].append(finding.id)
            else:
                group = self._skip(answer.reason)
        self.changes.put(Record(finding.key, print_, group, int(standing), finding.rank))

    def _skip(self, reason: str) -> bytes:
        self.changes.reasons.add(reason)
        return skip_code(reason)
