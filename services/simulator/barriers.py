"""Barriers: a chosen request is held just before or after its commit until control releases it."""

import asyncio
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

Verdict = Literal["go", "drop"]


class BarrierSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /barriers` takes: lets `skip` matching requests pass, then holds `count` of them."""

    route: str
    when: Literal["before", "after"]
    subject: str | None = None
    skip: int = 0
    count: int = 1
    match: str | None = None


class Barrier:
    """Holds requests in the order of their arrival; once released it lets everything pass."""

    def __init__(self, barrier_id: str, spec: BarrierSpec) -> None:
        self.id = barrier_id
        self.spec = spec
        self.held = 0
        self.waiting: dict[int, dict[str, Any]] = {}
        self._skipped = 0
        self._verdict: Verdict | None = None
        self._changed = asyncio.Condition()

    @property
    def released(self) -> bool:
        return self._verdict is not None

    def fits(self, when: str, route: str, subject: str) -> bool:
        return (
            not self.released
            and self.held < self.spec.count
            and self.spec.when == when
            and fnmatchcase(route, self.spec.route)
            and (self.spec.subject is None or fnmatchcase(subject, self.spec.subject))
        )

    def claims(self, text: str) -> bool:
        """Whether this fitting request is to be held; counts it, so that no other request takes its place."""
        if self.spec.match is not None and self.spec.match not in text:
            return False
        if self._skipped < self.spec.skip:
            self._skipped += 1
            return False
        self.held += 1
        return True

    async def hold(self, about: dict[str, Any]) -> Verdict:
        """Wait for the release and return what it said."""
        ticket = self.held
        self.waiting[ticket] = about
        async with self._changed:
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self.released)
        del self.waiting[ticket]
        return self._verdict or "go"

    async def release(self, verdict: Verdict = "go") -> int:
        """Let the held requests go on, or drop them (cut off without a commit); returns how many waited."""
        waited = len(self.waiting)
        self._verdict = verdict
        async with self._changed:
            self._changed.notify_all()
        return waited

    async def wait_held(self, count: int, seconds: float) -> None:
        """Return once so many requests are or were held, or the time is over."""
        async with self._changed:
            try:
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: self.released or self.held >= count), seconds
                )
            except TimeoutError:
                return

    def view(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "held": self.held,
            "released": self.released,
            "waiting": list(self.waiting.values()),
            **msgspec.structs.asdict(self.spec),
        }


class BarrierBook:
    """All barriers by id."""

    def __init__(self) -> None:
        self._barriers: dict[str, Barrier] = {}
        self._next = 0

    def raise_(self, spec: BarrierSpec) -> Barrier:
        self._next += 1
        barrier = Barrier(f"barrier-{self._next}", spec)
        self._barriers[barrier.id] = barrier
        return barrier

    def get(self, barrier_id: str) -> Barrier:
        """Raises KeyError for an unknown id."""
        return self._barriers[barrier_id]

    def views(self) -> list[dict[str, Any]]:
        return [barrier.view() for barrier in self._barriers.values()]

    def candidates(self, when: str, route: str, subject: str) -> list[Barrier]:
        return [b for b in self._barriers.values() if b.fits(when, route, subject)]

    async def remove(self, barrier_id: str, verdict: Verdict = "go") -> None:
        """Release and forget; raises KeyError for an unknown id."""
        await self._barriers.pop(barrier_id).release(verdict)

    async def clear(self) -> None:
        """Drop whatever is held: after a reset nothing of before may commit."""
        for barrier_id in list(self._barriers):
            await self.remove(barrier_id, "drop")
