"""Groups, what units contribute to them, and the fold of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from common.model.finding import Risk, Severity, Standing

STANDINGS = len(Standing)
SEVERITIES = len(Severity)
RISKS = len(Risk)


class Contribution(msgspec.Struct, array_like=True, frozen=True):
    """What one unit adds to a group.

    `standings[s]` counts members by Standing; `severities` and `risks` count the OPEN ones only;
    `worst` is the largest rank of an OPEN member; `digest` is the sum of the members' fingerprints
    mod 2^64, so it does not depend on their order.
    """

    standings: tuple[int, ...]
    severities: tuple[int, ...]
    risks: tuple[int, ...]
    worst: int
    digest: int


class GroupFacts(msgspec.Struct, array_like=True, frozen=True):
    """What a group is: kept once beside its contributions. `values` are (dimension, value)."""

    rule: str
    values: tuple[tuple[str, str], ...]
    identity: bytes


class Memo(msgspec.Struct, array_like=True, frozen=True):
    """What must be remembered of a group between decisions. Times are Unix seconds, 0 = never.

    `noted` is the number of open findings that the ticket's people were last told of (-1: not known);
    `announced` is when `announced_event` was told since nothing is open any more.
    """

    open_since: int = 0
    clear_since: int = 0
    reopened: tuple[int, ...] = ()
    noted: int = -1
    announced: int = 0
    announced_event: str = ""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A group as decided on: the fold of its units' contributions."""

    standings: tuple[int, ...]
    severities: tuple[int, ...]
    risks: tuple[int, ...]
    worst: int
    digest: int
    units: int

    def count(self, *standings: Standing) -> int:
        return sum(self.standings[s] for s in standings)

    @property
    def open(self) -> int:
        return self.standings[Standing.OPEN]

    @property
    def members(self) -> int:
        """Findings that are or were open in the group; those adopted after a loss of Redis don't count."""
        return sum(self.standings) - self.standings[Standing.ADOPTED]

    @property
    def known(self) -> int:
        """Members and adopted ones: what evidence can rest on."""
        return sum(self.standings)

    @property
    def severity(self) -> Severity:
        return Severity(max((i for i, n in enumerate(self.severities) if n), default=0))

    @property
    def risk(self) -> Risk:
        return Risk(max((i for i, n in enumerate(self.risks) if n), default=0))


def fold(contributions: Iterable[Contribution]) -> Aggregate:
    """Add contributions up; the order does not matter."""
    standings, severities, risks = [0] * STANDINGS, [0] * SEVERITIES, [0] * RISKS
    worst = digest = units = 0
    for part in contributions:
        for total, add in ((standings, part.standings), (severities, part.severities), (risks, part.risks)):
            for index, value in enumerate(add):
                total[index] += value
        worst = max(worst, part.worst)
        digest = (digest + part.digest) & 0xFFFF_FFFF_FFFF_FFFF
        units += 1
    return Aggregate(tuple(standings), tuple(severities), tuple(risks), worst, digest, units)
