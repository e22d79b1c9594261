"""What a client needs of a sign-in."""

from typing import Protocol

from common.http.deadline import Deadline


class SignIn(Protocol):
    """Gives the Authorization header; cached, and safe for several threads."""

    def header(self, deadline: Deadline) -> str:
        """Raises HttpFatal `signin_refused` where trying again is no use."""

    def renew(self, rejected: str) -> None:
        """Forget the header that a 401 rejected, unless another thread has renewed it already."""
