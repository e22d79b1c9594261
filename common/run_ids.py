"""Ids of runs that a person asks for: they sort by time, as the scheduler's do."""

import secrets
from datetime import UTC, datetime

_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"  # ascending, so that the fraction of a second sorts too


def new_run_id(now: datetime | None = None) -> str:
    """`r`, the time in UTC, and 4 characters: `r20261123T094505k3fq`.

    The first two tell the 1024th of the second, the others are chance: runs that start within one second
    are listed by their ids, and an approval must know the newest.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    high, low = divmod(moment.microsecond * 1024 // 1_000_000, len(_ALPHABET))
    chance = "".join(secrets.choice(_ALPHABET) for _ in range(2))
    return f"r{moment:%Y%m%dT%H%M%S}{_ALPHABET[high]}{_ALPHABET[low]}{chance}"
