"""What the witness reads on a ticket: the footer's grouping values and the planted tokens."""

import re
from dataclasses import dataclass
from typing import Final

TOKEN: Final = re.compile(r"tk[rsac][0-9a-z]{4,8}")
_HEAD: Final = re.compile(r"^\[isthmus\] connection=(\S+) rule=(\S+) generation=(\d+)\s*$")
_VALUE: Final = re.compile(r"^\[isthmus\] ([^=\s]+)=(.*)$")
_STAMP: Final = re.compile(r"^isthmus\.v1\.\d+\.(\d+)\.")

Dimensions = frozenset[tuple[str, frozenset[str]]]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Footer:
    """`dimensions`: each grouping dimension with its tokens, or with its text where it has none."""

    connection: str
    rule: str
    dimensions: Dimensions

    @property
    def tokens(self) -> list[str]:
        """All values, sorted, for people to read."""
        return sorted(value for _, values in self.dimensions for value in values)

    def of_kind(self, letter: str) -> set[str]:
        """The planted tokens of one kind: r, s, a or c."""
        return {t for _, values in self.dimensions for t in values if TOKEN.fullmatch(t) and t[2] == letter}

    @property
    def key(self) -> tuple[str, str, Dimensions]:
        """Tickets with equal keys are the same group, whatever their correlation_id says.

        Two connections may have a group each where the values don't tell whose resources they are; a
        subscription, account or resource belongs to one connection only.
        """
        anchored = any(self.of_kind(letter) for letter in "sac")
        return ("" if anchored else self.connection, self.rule, self.dimensions)


def _values(text: str) -> frozenset[str]:
    found = frozenset(token for letter in "rsac" for token in _named(text, letter))
    return found or frozenset({text.split(" | ", 1)[0].strip().casefold()})


def split(description: str) -> tuple[str, Footer | None]:
    """The text above the footer, and the footer (None without one)."""
    lines = description.splitlines()
    for at in range(len(lines) - 1, -1, -1):
        head = _HEAD.match(lines[at])
        if head:
            found = [match for line in lines[at + 1 :] if (match := _VALUE.match(line))]
            dimensions = frozenset((match[1], _values(match[2])) for match in found)
            return "\n".join(lines[:at]), Footer(head[1], head[2], dimensions)
    return description, None


def members(stamp: str) -> int | None:
    """The member count of a `correlation_display`, None without a stamp."""
    match = _STAMP.match(stamp)
    return int(match[1]) if match else None


def _named(line: str, letter: str) -> set[str]:
    """Tokens of one kind on a line; of a path (server/database) only the last, the resource itself."""
    return {
        found[-1]
        for word in line.lower().split()
        if (found := [token for token in TOKEN.findall(word) if token[2] == letter])
    }


def pairs(body: str, footer: Footer) -> frozenset[Pair]:
    """The (recommendation, resource) pairs that a ticket names: by footer and body, else line by line."""
    lines = body.splitlines()
    recommendations, resources = footer.of_kind("r"), footer.of_kind("c")
    if recommendations:
        resources = resources or {t for line in lines for t in _named(line, "c")}
    elif resources:
        recommendations = {t for line in lines for t in _named(line, "r")}
    else:
        return frozenset((r, c) for line in lines for r in _named(line, "r") for c in _named(line, "c"))
    return frozenset((r, c) for r in recommendations for c in resources)
