"""The small value types of a rule file: durations, shares, words."""

import re
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d{1,6})\s*([smhdw])")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)\s*%")


def parse_duration(value: object) -> int:
    """Seconds of `24h`, `7d`, `5m`, `30s`, `2w`; 0 means none. A bare number has no unit and is refused."""
    if value == 0 and not isinstance(value, bool):
        return 0
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration: write a number and a unit, such as 5m, 24h or 7d")
    return int(match[1]) * _UNITS[match[2]]


def parse_share(value: object) -> float:
    """A fraction between 0 and 1 of `5%`."""
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[1]) > 100:
        raise ValueError(f"{value!r} is not a share: write a percentage, such as 5%")
    return float(match[1]) / 100


def as_texts(value: object) -> object:
    """Let one value stand for a list of one, and a number for its text (AWS account ids are digits)."""
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(str(i) if isinstance(i, int) and not isinstance(i, bool) else i for i in items)


def as_list(value: object) -> object:
    """Let one value stand for a list of one."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _word(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


Duration = Annotated[int, BeforeValidator(parse_duration)]
Share = Annotated[float, BeforeValidator(parse_share)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=400, strip_whitespace=True)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(as_texts)]
Lower = BeforeValidator(_word)
RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
ReasonWord = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,79}$")]
