"""A link: group <-> ticket, what we last wrote and what we last read."""

import msgspec


class Link(msgspec.Struct, array_like=True, frozen=True):
    """Everything Isthmus knows of a group's ticket, packed with msgpack.

    `wrote` and `base` map field -> 4-character digest (`identity.field_digest`): what we sent, and what
    stood there after it settled. News is a field that differs from `base` (promise 7); a field is written
    when what we would write differs from `wrote` (promise 6). Times are Unix seconds (ours), except
    `updated_on`, which is ServiceNow's own text. `facts` digests what the last rendering was made from.
    """

    table: str
    sys_id: str
    number: str
    generation: int
    seq: int
    rule: str
    state: str = "1"
    active: bool = True
    wrote: dict[str, str] = {}
    base: dict[str, str] = {}
    edited: tuple[str, ...] = ()  # fields that a person changed: theirs from then on
    given_up: tuple[str, ...] = ()  # fields that the instance changed back twice
    rewrites: dict[str, int] = {}
    assigned: bool = False
    hold_reason: str = ""
    close_code: str = ""
    closed_by_person: bool = False
    deleted: bool = False
    detached: bool = False
    mod_count: int = -1
    updated_on: str = ""
    facts: str = ""
    members: int = 0
    open: int = 0
    worst: int = 0
    created_at: int = 0
    written_at: int = 0
    noted_on: int = 0
    resolved_at: int = 0
    parent: str = ""

    @property
    def resolved(self) -> bool:
        return self.state == "6"

    @property
    def terminal(self) -> bool:
        """Closed (7) or Canceled (8), deleted or detached: never touched again (promise 6)."""
        return self.state in ("7", "8") or self.deleted or self.detached

    @property
    def holds_findings(self) -> bool:
        """An open ticket keeps its findings whatever the rules say later (promise 9)."""
        return not self.terminal


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Link)


def pack_link(link: Link) -> bytes:
    return _encoder.encode(link)


def unpack_link(data: bytes) -> Link:
    return _decoder.decode(data)
