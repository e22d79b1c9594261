"""Creates that were looked up ahead: one look-up for the batches of a turn, however small these are."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from services.servicenow_writer.jobs import Job
from services.servicenow_writer.looking import Seen, SysIdMode

# Two batches of the longest kind. Nobody but us makes tickets with our keys, a lease keeps other writers off
# ours, and a create that one of them had sent before shows as an attempt: this bounds what nobody thought of.
FRESH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Look:
    seen: Seen
    mode: SysIdMode
    asked: float


@dataclass(slots=True)
class Ahead:
    """What was seen of creates that are still to be sent; never of updates, since people edit meanwhile."""

    clock: Callable[[], float] = time.monotonic
    _looks: dict[bytes, _Look] = field(default_factory=dict)

    def take(self, jobs: Sequence[Job], mode: SysIdMode, tried: Collection[bytes]) -> dict[bytes, Seen]:
        """What may still be used of `jobs`, each once: a job that comes again is looked up anew.

        What is too old is dropped, and all that was looked up by sys_id once the instance does not keep them.
        """
        oldest = self.clock() - FRESH_SECONDS
        kept = {
            group: look
            for group, look in self._looks.items()
            if look.asked > oldest and (look.mode is not SysIdMode.HONOURED or mode is SysIdMode.HONOURED)
        }
        mine = [job.group for job in jobs if job.group in kept]
        taken = {group: kept.pop(group).seen for group in mine}
        self._looks = kept
        return {group: seen for group, seen in taken.items() if group not in tried}

    def lacking(self, jobs: Sequence[Job], tried: Collection[bytes]) -> list[Job]:
        """The creates among `jobs` of which nothing is known; one that was tried waits for its own wave."""
        known = self._looks.keys() | set(tried)
        return [job for job in jobs if job.creates and job.group not in known]

    def keep(self, jobs: Sequence[Job], seen: Seen, mode: SysIdMode, asked: float) -> None:
        """`jobs` were looked up in a request that began at `asked`."""
        self._looks |= {job.group: _Look(seen, mode, asked) for job in jobs}
