"""Errors, typed by the reaction they ask for.

Each carries a short stable `reason` (snake case, bounded set), which is the metric label, the log field
and the word in a dead letter; the message is one sentence for a person.

    SyncError
    |- Retry   try again soon, nothing is wrong with the work
    |- Park    try again at `not_before` or when a condition is met; nobody sleeps meanwhile
    |- Fatal   can't succeed without a person: becomes a dead letter
    `- Skip    rightly not done: an outcome, not a failure
"""


class SyncError(Exception):
    """Root of all errors that the services react to."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Retry(SyncError):  # noqa: N818 - named for the reaction, as the whole family
    """Try again soon."""


class Park(SyncError):  # noqa: N818 - named for the reaction
    """Try again not before `seconds` from now."""

    def __init__(self, reason: str, message: str, seconds: float) -> None:
        super().__init__(reason, message)
        self.seconds = seconds


class Fatal(SyncError):  # noqa: N818 - named for the reaction
    """Needs a person."""


class Skip(SyncError):  # noqa: N818 - named for the reaction
    """Rightly not done."""


class Superseded(Skip):
    """A newer run or another incarnation of Redis owns the state; this work must not write."""

    def __init__(self, message: str = "a newer run or another incarnation of Redis owns the state") -> None:
        super().__init__("superseded", message)
