"""Cutting a connection the hard way: with a TCP reset, not a polite close."""

import contextlib
import socket
import struct

from aiohttp import web


class ConnectionAborted(BaseException):
    """The connection was cut on purpose: nothing is answered; the middleware ends the request.

    Derives from BaseException, as CancelledError does, so no `except Exception` in a handler swallows it.
    """


def abort(request: web.Request) -> None:
    """Reset the client's connection at once; harmless when it is already gone."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
