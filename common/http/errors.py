"""The errors of a call, typed by reaction and by what the server may have done (craft A.6)."""

from common.errors import Fatal, Park, Retry, Skip, SyncError


class HttpError(SyncError):
    """A call that did not give what was asked for.

    `status` is 0 where no status was seen. `acted` is true when the server may have carried the request
    out (servicenow-api 0#3, 0#4): a create is then read before it is repeated.
    """

    def __init__(
        self, reason: str, message: str, *, status: int = 0, acted: bool = False, seconds: float = 0.0
    ) -> None:
        SyncError.__init__(self, reason, message)
        self.status = status
        self.acted = acted
        self.seconds = seconds


class HttpRetry(HttpError, Retry):  # noqa: N818 - named for the reaction
    """Try again soon."""


class HttpPark(HttpError, Park):  # noqa: N818 - named for the reaction
    """Try again not before `seconds` from now; nobody sleeps meanwhile."""


class HttpFatal(HttpError, Fatal):  # noqa: N818 - named for the reaction
    """Needs a person."""


class HttpSkip(HttpError, Skip):  # noqa: N818 - named for the reaction
    """Not there, or rightly not done."""


class NeverSent(HttpRetry):
    """Nothing reached the server (refused, unresolved, handshake failed, no time left): safe for any verb."""


class AnswerLost(HttpRetry):
    """Sent, and then the connection broke or the time ran out: the server may have acted, or may act yet."""

    def __init__(self, reason: str, message: str, *, status: int = 0) -> None:
        super().__init__(reason, message, status=status, acted=True)


class Throttled(HttpPark):
    """429. With `semaphore` the server was busy rather than a rule broken: send fewer at a time."""

    def __init__(self, reason: str, message: str, seconds: float, *, semaphore: bool = False) -> None:
        super().__init__(reason, message, status=429, seconds=seconds)
        self.semaphore = semaphore
