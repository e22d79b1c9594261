"""The body of a `read` item: one chain of pages, and how far it came."""

import secrets

import msgspec


class Chain(msgspec.Struct, frozen=True):
    """Part `part` of `parts` of a unit. `attempt` names its pages; `number` and `token` are the next page.

    `tries` counts readings that were not exact.
    """

    run: str
    unit: str
    part: int = 0
    parts: int = 1
    tries: int = 0
    attempt: str = ""
    number: int = 0
    token: str = ""

    def anew(self) -> "Chain":
        """From the first page, under another name: what is left of this attempt is nobody's."""
        return msgspec.structs.replace(self, attempt=secrets.token_hex(4), number=0, token="")

    @property
    def id(self) -> bytes:
        """The item's id: the unit, and the part where there are several."""
        return (self.unit if self.parts == 1 else f"{self.unit}#{self.part}").encode()


pack_chain = msgspec.msgpack.Encoder().encode
unpack_chain = msgspec.msgpack.Decoder(Chain).decode
