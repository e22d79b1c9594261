"""Messages on the queues: versioned, small, JSON. A message is a doorbell: it may be lost or doubled."""

import hashlib
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import Skip

MALFORMED = "malformed_message"

# Names of tasks. A bell's task has the name of its lane (common.runtime.queues).
START_RUN = "start_run"


class MalformedMessage(Skip):
    """A message that is not one of ours, or of a version that we don't know: dropped, never retried."""

    def __init__(self, message: str) -> None:
        super().__init__(MALFORMED, message)


class _Message(BaseModel):
    # A newer sender may add fields within a version; a changed meaning is a new version.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Doorbell(_Message):
    """There may be work in the work queue `queue` of `connection`; `slot` numbers the workers called."""

    v: Literal[1] = 1
    epoch: str = Field(max_length=64)
    connection: str = Field(pattern=r"^[a-z0-9-]{1,20}$")
    queue: str = Field(max_length=64)
    slot: int = Field(default=0, ge=0)


class StartRun(_Message):
    """Begin a run. A run id that is known already is ignored, so a doubled message starts nothing twice.

    `unless_good_since` (Unix seconds, 0 = always) makes it void when a good run is at least as young:
    the scheduler names the slot of the schedule there.
    """

    v: Literal[1] = 1
    connection: str = Field(pattern=r"^[a-z0-9-]{1,20}$")
    mode: Literal["plan", "live"]
    run: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")
    requested_by: str = Field(max_length=128)
    reason: str = Field(max_length=256)
    unless_good_since: int = Field(default=0, ge=0)


Message = TypeVar("Message", bound=BaseModel)


def decode(model: type[Message], payload: Any) -> Message:
    """Validate a message. Raises MalformedMessage, which names the fields and no value."""
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        fields = sorted({".".join(map(str, detail["loc"])) or "message" for detail in error.errors()})
        named = ", ".join(fields)[:200]
        raise MalformedMessage(f"a {model.__name__} message was dropped: {named} can't be read") from None


def run_id(now: datetime, seed: str) -> str:
    """An id that sorts by time, such as `20261123T020000Z-1f3a9c`. Equal arguments give an equal id."""
    digest = hashlib.blake2b(seed.encode(), digest_size=3).hexdigest()
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest}"
