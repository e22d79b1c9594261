"""Identities: finding keys, groups, correlation ids, sys_ids, stamps and footers.

All are pure functions of values that don't change when a rule moves, a title is edited or Azure flips the
case of an id. The formats are public: `links rebuild` recovers everything from them.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

KEY_BYTES = 12
GROUP_BYTES = 8
CORRELATION_LIMIT = 100  # task.correlation_id is a varchar(100): servicenow-api 1.9
_SEPARATOR = b"\x1f"


def normalise(value: str) -> str:
    """Lower-case and trim an Azure id or name; ids flip case between reads (defender-api 0#10)."""
    trimmed = value.strip().lower()
    return f"/{trimmed.lstrip('/')}" if "/" in trimmed else trimmed


def finding_key(finding_id: str) -> bytes:
    """12 bytes that stand for a finding's ARM id, whatever its case."""
    return hashlib.blake2b(normalise(finding_id).encode(), digest_size=KEY_BYTES).digest()


def unit_key(unit: str) -> bytes:
    """8 bytes that stand for a unit's name in packed state."""
    return hashlib.blake2b(normalise(unit).encode(), digest_size=8).digest()


def identity_digest(connection: str, rule_id: str, values: Sequence[tuple[str, str]]) -> bytes:
    """16 bytes over connection, rule id and grouping values: the root of group, correlation_id and sys_id."""
    parts = [connection, rule_id]
    for dimension, value in values:
        parts += [dimension, normalise(value)]
    return hashlib.blake2b(_SEPARATOR.join(p.encode() for p in parts), digest_size=16).digest()


def group_of(digest: bytes) -> bytes:
    """The group's 8-byte id: the first half of its identity digest, so a correlation_id names its group."""
    return digest[:GROUP_BYTES]


def correlation_id(connection: str, table: str, digest: bytes, generation: int) -> str:
    """`isth:<connection>:<table>:<26 base32 chars>:<generation>`, at most 100 characters."""
    encoded = base64.b32encode(digest).decode().rstrip("=").lower()
    text = f"isth:{connection}:{table}:{encoded}:{generation}"
    if len(text) > CORRELATION_LIMIT:
        raise ValueError(
            f"correlation_id {text!r} is longer than {CORRELATION_LIMIT}: shorten the connection's id"
        )
    return text


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation_id taken apart."""

    connection: str
    table: str
    digest: bytes
    generation: int

    @property
    def group(self) -> bytes:
        return group_of(self.digest)


_CORRELATION = re.compile(r"isth:([a-z0-9-]+):([a-z_]+):([a-z2-7]{26}):([0-9]{1,6})")


def parse_correlation(text: str) -> Correlation | None:
    """Take a correlation_id apart; None when it is not one of ours."""
    match = _CORRELATION.fullmatch(text)
    if match is None:
        return None
    connection, table, encoded, generation = match.groups()
    try:
        digest = base64.b32decode(encoded.upper() + "======")
    except ValueError:
        return None
    return Correlation(connection, table, digest, int(generation))


def sys_id_of(correlation: str) -> str:
    """The client-chosen sys_id: 32 hex digits derived from the correlation_id (servicenow-api 1.9)."""
    return hashlib.blake2b(correlation.encode(), digest_size=16).hexdigest()


def field_digest(value: str) -> str:
    """4 characters that tell whether a field still holds what was written (kept in stamp and link)."""
    raw = hashlib.blake2b(value.strip().encode(), digest_size=3).digest()
    return base64.urlsafe_b64encode(raw).decode()


# The order of the owned fields in a stamp; part of the format, append only.
STAMPED_FIELDS = ("short_description", "description", "impact", "urgency")


@dataclass(frozen=True, slots=True)
class Stamp:
    """Our machine-readable mark in `correlation_display`: what we last wrote, and in which order."""

    seq: int
    members: int
    digest: str
    fields: Mapping[str, str]

    def text(self) -> str:
        owned = "".join(self.fields.get(name, "----") for name in STAMPED_FIELDS)
        return f"isthmus.v1.{self.seq}.{self.members}.{self.digest}.{owned}"


_STAMP = re.compile(r"isthmus\.v1\.(\d{1,9})\.(\d{1,9})\.([0-9a-f]{8})\.((?:[\w-]{4})*)")


def parse_stamp(text: str) -> Stamp | None:
    """Read a stamp back; None when the text is not one (a person may have edited it)."""
    match = _STAMP.fullmatch(text.strip())
    if match is None:
        return None
    seq, members, digest, owned = match.groups()
    chunks = [owned[i : i + 4] for i in range(0, len(owned), 4)]
    fields = {n: c for n, c in zip(STAMPED_FIELDS, chunks, strict=False) if c != "----"}
    return Stamp(int(seq), int(members), digest, fields)


FOOTER_MARK = "[isthmus]"


def footer(connection: str, rule_id: str, generation: int, values: Sequence[tuple[str, str, str]]) -> str:
    """The last lines of a description, from which rebuild recovers rule and grouping.

    `values` are (dimension, value, text for people).
    """
    lines = [f"{FOOTER_MARK} connection={connection} rule={rule_id} generation={generation}"]
    lines += [
        f"{FOOTER_MARK} {dim}={normalise(value)} | {' '.join(text.split())[:120]}"
        for dim, value, text in values
    ]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Footer:
    """A footer read back."""

    connection: str
    rule_id: str
    generation: int
    values: tuple[tuple[str, str], ...]


_HEAD = re.compile(r"\[isthmus\] connection=(\S+) rule=(\S+) generation=(\d+)")
_VALUE = re.compile(r"\[isthmus\] ([\w:.@-]+)=(.*?)(?: \| .*)?")


def parse_footer(description: str) -> Footer | None:
    """Read the footer back from a description; None when a person removed or broke it."""
    head: re.Match[str] | None = None
    values: list[tuple[str, str]] = []
    for line in description.splitlines():
        text = line.strip()
        if match := _HEAD.fullmatch(text):
            head, values = match, []
        elif head and (pair := _VALUE.fullmatch(text)):
            values.append((pair[1], pair[2]))
    if head is None:
        return None
    return Footer(head[1], head[2], int(head[3]), tuple(values))
