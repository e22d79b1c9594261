"""How long things take: the product's own defaults, or all of them short."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, and the size of the world. Small pages, so that units have several of them."""

    findings: int
    acts: int
    lease: float
    sweep: float
    server_limit: float
    freeze: float
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def returned(self) -> float:
        """By then a claim of a process that stands still is somebody else's."""
        return self.lease + 2 * self.sweep

    @property
    def patience(self) -> float:
        """For a point to be reached, a run to end: a lease and a parked create may lie in between."""
        return 30 + 2 * self.returned + self.server_limit


# The quota is the bench's matter; without it the short form is not slowed by Azure's own pace.
_NO_QUOTA = {"quota_calls": "1000"}
SHORT = Pace(
    findings=2000,
    acts=2,
    lease=2,
    sweep=0.5,
    server_limit=5,
    freeze=6,
    settings={
        "lease_seconds": "2",
        "sweep_seconds": "0.5",
        "bell_seconds": "1",
        "server_limit_seconds": "5",
        "page_size": "200",
        **_NO_QUOTA,
    },
)
FULL = Pace(
    findings=10_000,
    acts=3,
    lease=30,
    sweep=5,
    server_limit=90,
    freeze=60,
    settings={
        "lease_seconds": "30",
        "sweep_seconds": "5",
        "bell_seconds": "15",
        "server_limit_seconds": "90",
        "page_size": "500",
        **_NO_QUOTA,
    },
)
