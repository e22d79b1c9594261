"""What a unit contributes to the groups that were touched, folded from its packed records. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from common.model.finding import Standing
from common.model.group import RISKS, SEVERITIES, STANDINGS, Contribution
from common.state.units import RECORD, Members, Record, bucket_of, is_skip, unpack

_MASK = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(slots=True)
class Part:
    """A group's members in one unit, being added up. `order` holds (not open, -rank, key)."""

    standings: list[int] = field(default_factory=lambda: [0] * STANDINGS)
    severities: list[int] = field(default_factory=lambda: [0] * SEVERITIES)
    risks: list[int] = field(default_factory=lambda: [0] * RISKS)
    worst: int = 0
    digest: int = 0
    order: list[tuple[bool, int, bytes]] = field(default_factory=list)

    def add(self, record: Record) -> None:
        is_open = record.standing == Standing.OPEN
        self.standings[record.standing] += 1
        if record.standing == Standing.ADOPTED:
            return
        # Key and standing, not the fingerprint: a title edited in Azure is no change of membership.
        self.digest = (self.digest + int.from_bytes(record.key[:8], "big") * (record.standing + 1)) & _MASK
        if is_open:
            severity, risk = record.rank >> 4, record.rank & 0x0F
            self.severities[min(severity, SEVERITIES - 1)] += 1
            self.risks[min(risk, RISKS - 1)] += 1
            self.worst = max(self.worst, record.rank)
        self.order.append((not is_open, -record.rank, record.key))

    def contribution(self) -> Contribution:
        return Contribution(
            tuple(self.standings), tuple(self.severities), tuple(self.risks), self.worst, self.digest
        )

    def members(self, ids: Mapping[bytes, str]) -> Members:
        """Ids with the open ones first, worst first; those whose id is not known are left out."""
        known = [ids[key] for _, _, key in sorted(self.order) if key in ids]
        return Members(self.standings[Standing.OPEN], known)


def touched_groups(before: bytes, after: bytes) -> set[bytes]:
    """Groups of the records that differ between two versions of a bucket."""
    size = RECORD.size
    old = {before[i : i + size] for i in range(0, len(before), size)}
    new = {after[i : i + size] for i in range(0, len(after), size)}
    groups = {record[20:28] for record in old ^ new}
    return {group for group in groups if not is_skip(group)}


def by_group(buckets: Iterable[bytes], groups: set[bytes], wanted: int) -> list[bytearray]:
    """A unit's records in `groups`, packed still, in `wanted` buckets of groups instead of keys."""
    spread = [bytearray() for _ in range(wanted)]
    size = RECORD.size
    for data in buckets:
        for at in range(0, len(data), size):
            group = data[at + 20 : at + 28]
            if group in groups:
                spread[bucket_of(group, wanted)] += data[at : at + size]
    return spread


def ranges(count: int, parts: int) -> Iterator[range]:
    """`count` numbers in at most so many neighbouring ranges."""
    width = -(-count // parts)
    return (range(start, min(start + width, count)) for start in range(0, count, width))


def batches(spread: Sequence[bytes | bytearray], records: int) -> Iterator[range]:
    """Neighbouring buckets of groups that hold about so many records, or one that holds more."""
    start = held = 0
    for number, data in enumerate(spread):
        held += len(data)
        if held >= records * RECORD.size:
            yield range(start, number + 1)
            start, held = number + 1, 0
    if start < len(spread):
        yield range(start, len(spread))


def add_up(buckets: Iterable[bytes | bytearray]) -> dict[bytes, Part]:
    """The parts of the groups in these buckets; a group without members has none."""
    parts: dict[bytes, Part] = {}
    for data in buckets:
        for record in unpack(data):
            part = parts.get(record.group)
            if part is None:
                part = parts[record.group] = Part()
            part.add(record)
    return parts
