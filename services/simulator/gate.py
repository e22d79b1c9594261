"""Where handlers meet latency, faults and barriers: each calls `before` its commit and `after` it."""

from aiohttp import web

ITEM_BODY: web.RequestKey[bytes] = web.RequestKey("item_body", bytes)
"""The Batch handler sets `request[ITEM_BODY]` to an item's decoded body before it calls the gate for it, so that
a barrier's `match` can choose one item."""

UNSERVICED: web.RequestKey[int] = web.RequestKey("unserviced", int)
"""Set by `before(request, "servicenow.batch")` under fault `unserviced`: so many last items are left undone.
The Batch handler reads `request.get(UNSERVICED, 0)`."""


class ConnectionAborted(BaseException):
    """The connection was cut on purpose: nothing is answered; app.py's middleware ends the request.

    Derives from BaseException, as CancelledError does, so no `except Exception` in a handler swallows it.
    """


class Gate:
    """Both calls may sleep, hold on a barrier, raise `ConnectionAborted` or change the outcome."""

    async def before(self, request: web.Request, route: str, subject: str = "") -> None:
        """Await after sign-in and parsing, just before the commit (or the read).

        Raises `web.HTTPException` (status, headers and body are the fault's answer, or the batch item's) or `ConnectionAborted` (do not catch).
        """

    async def after(
        self, request: web.Request, route: str, response: web.Response, subject: str = ""
    ) -> web.StreamResponse:
        """Await with the finished answer after the commit; send what it returns. May raise as `before`."""
        return response
