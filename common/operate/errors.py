"""Why an operator's wish can't be fulfilled: one sentence, and what to do next."""

import difflib
from collections.abc import Iterable

from common.errors import Fatal


class Refused(Fatal):
    """What was asked for can't be done; the message names the mend."""


class NotFound(Refused):
    """There is no such thing; `what` is connection, run, rule or ticket."""

    def __init__(self, what: str, name: str, known: Iterable[str], look: str) -> None:
        near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else f"`{look}` lists what there is."
        super().__init__(f"unknown_{what}", f"There is no {what} {name!r}: {hint}")
