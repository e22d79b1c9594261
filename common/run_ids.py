"""Ids of runs that a person asks for: they sort by time, as the scheduler's do."""

import secrets
from datetime import UTC, datetime

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def new_run_id(now: datetime | None = None) -> str:
    """`r`, the time in UTC, and 4 characters of chance: `r20261123T094505k3fq`."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return f"r{moment:%Y%m%dT%H%M%S}{''.join(secrets.choice(_ALPHABET) for _ in range(4))}"
