"""Times as they are told: ISO 8601 in UTC, None for never."""

from datetime import UTC, datetime


def moment(seconds: str | float | None) -> str | None:
    """`2026-11-23T09:44:46Z` of Unix seconds; None for 0, "" and None."""
    value = float(seconds or 0)
    return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%dT%H:%M:%SZ}" if value else None
