"""Status tables: which error a status or an error body asks for, as data (craft A.6)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from common.http.errors import HttpError, HttpFatal, HttpPark, HttpRetry, HttpSkip

Kind = Literal["retry", "park", "fatal", "skip"]
_FAMILIES: Mapping[Kind, type[HttpError]] = {
    "retry": HttpRetry,
    "park": HttpPark,
    "fatal": HttpFatal,
    "skip": HttpSkip,
}


@dataclass(frozen=True, slots=True)
class Reaction:
    """How to react. `mend` ends the sentence with what a person can do; `seconds` counts for park only."""

    kind: Kind
    reason: str
    mend: str = ""
    acted: bool = False
    seconds: float = 0.0

    def error(self, side: str, route: str, status: int, said: str) -> HttpError:
        """The typed error, with what the server said."""
        told = f": {said}" if said else ""
        mend = f" {self.mend}" if self.mend else ""
        message = f"{side} answered {status} to {route}{told}.{mend}"
        return _FAMILIES[self.kind](
            self.reason, message, status=status, acted=self.acted, seconds=self.seconds
        )


@dataclass(frozen=True, slots=True)
class Said:
    """A reaction to what an error body says under one status."""

    status: int
    pattern: re.Pattern[str]
    reaction: Reaction


SERVER_ERROR = Reaction("retry", "server_error", acted=True)
UNEXPECTED = Reaction("fatal", "unexpected_status", acted=True)


def choose(status: int, said: str, by_text: Sequence[Said], by_status: Mapping[int, Reaction]) -> Reaction:
    """The most specific reaction: by text, then by status; other 5xx retry, anything else is for a person."""
    for entry in by_text:
        if entry.status == status and entry.pattern.search(said):
            return entry.reaction
    return by_status.get(status) or (SERVER_ERROR if status >= 500 else UNEXPECTED)
