"""Quotas: Resource Graph's queries per window and ARM's token buckets, per principal."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from services.simulator.clock import Clock

UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Realistic values; `enforced` false counts nothing.

    Sources: guidance-for-throttled-requests (15 per 5 s), request-limits-and-throttling (250, 25 per s,
    globally 15 times that), troubleshoot/general (1,000 subscriptions, 16,777,216 bytes).
    """

    enforced: bool = True
    graph_queries: int = 15
    graph_window: float = 5.0
    graph_retry_after: bool = False
    arm_bucket: int = 250
    arm_refill: float = 25.0
    payload_bytes: int = 16_777_216
    subscriptions_per_query: int = 1000
    tenant_subscriptions: int = 10_000
    arm_page: int = 500


def limits(mode: str, overrides: Mapping[str, Any]) -> Limits:
    """`mode` is none or realistic; overrides name fields. Raises ValueError with a sentence."""
    if mode not in {"none", "realistic"}:
        raise ValueError(f"limits: mode must be none or realistic, not {mode!r}")
    known = {field.name for field in fields(Limits)}
    chosen = {name: value for name, value in overrides.items() if name in known}
    return replace(Limits(enforced=mode == "realistic"), **chosen)


@dataclass(frozen=True, slots=True)
class Take:
    """`remaining` after this request.

    `resets` is the time to a full window or to the next token, in seconds.
    """

    allowed: bool
    remaining: int
    resets: float


class QueryQuota:
    """Fixed windows of Resource Graph queries, one per principal."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, principal: str, rules: Limits) -> Take:
        if not rules.enforced:
            return Take(allowed=True, remaining=UNLIMITED, resets=rules.graph_window)
        now = self._clock.monotonic()
        start, used = self._windows.get(principal, (now, 0))
        if now - start >= rules.graph_window:
            start, used = now, 0
        resets = rules.graph_window - (now - start)
        if used >= rules.graph_queries:
            return Take(allowed=False, remaining=0, resets=resets)
        self._windows[principal] = (start, used + 1)
        return Take(allowed=True, remaining=rules.graph_queries - used - 1, resets=resets)


class TokenBuckets:
    """ARM's reads: a bucket per scope (subscription or tenant) and principal that refills steadily."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, scope: str, principal: str, rules: Limits, factor: int = 1) -> Take:
        """`factor` 15 is the bucket that all principals of a subscription share."""
        size, refill = rules.arm_bucket * factor, rules.arm_refill * factor
        if not rules.enforced:
            return Take(allowed=True, remaining=size - 1, resets=0.0)
        now = self._clock.monotonic()
        level, at = self._buckets.get((scope, principal), (float(size), now))
        level = min(float(size), level + (now - at) * refill)
        if level < 1:
            self._buckets[scope, principal] = (level, now)
            return Take(allowed=False, remaining=0, resets=math.ceil((1 - level) / refill))
        self._buckets[scope, principal] = (level - 1, now)
        return Take(allowed=True, remaining=int(level - 1), resets=0.0)


def hms(seconds: float) -> str:
    """`00:00:05`: whole seconds, rounded up, as in x-ms-user-quota-resets-after."""
    whole = max(0, math.ceil(seconds))
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
