"""Times as .NET writes them: ISO 8601 UTC with 7 fractional digits, kept as 100 ns ticks since 1970."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ticks(moment: datetime, seventh: int = 0) -> int:
    """Ticks of an instant; `seventh` is the digit below the microsecond."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 10 + seventh


def text(value: int) -> str:
    """`2021-04-12T09:07:18.6759138Z`."""
    seconds, fraction = divmod(value, 10_000_000)
    return f"{(_EPOCH + timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S')}.{fraction:07d}Z"


def from_text(value: str | None, default: int) -> int:
    """Ticks of an ISO text with up to 7 fractional digits; `default` for anything else."""
    if not value:
        return default
    head, _, rest = value.rstrip("Z").partition(".")
    try:
        moment = datetime.fromisoformat(head).replace(tzinfo=UTC)
    except ValueError:
        return default
    digits = "".join(character for character in rest if character.isdigit())[:7]
    return ticks(moment) + int(digits.ljust(7, "0") or "0")
