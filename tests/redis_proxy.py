"""A TCP proxy before Redis that holds a chosen script call before it is forwarded, or holds its answer.

A test so stops a process between any two of its steps in Redis, without a hook in the product. Each process
has a port of its own, so the proxy knows who calls.
"""

import asyncio
import hashlib
import re
import threading
from collections import Counter
from collections.abc import Callable
from importlib import resources
from typing import Any, Literal

When = Literal["before", "after"]

_CALL = re.compile(rb"EVALSHA\r\n\$40\r\n([0-9a-f]{40})")
_LONGEST = 60  # bytes of a call's head, which two packets may share
_UNKNOWN_SCRIPT = b"-NOSCRIPT"


def script_names() -> dict[bytes, str]:
    """SHA-1 of every script, with and without its fence -> its name."""
    lua = resources.files("common.state").joinpath("lua")
    sources = {entry.name.removesuffix(".lua"): entry.read_text() for entry in lua.iterdir()}
    fence = sources["fence"]
    texts = [(text, name) for name, text in sources.items()]
    texts += [(fence + text, name) for name, text in sources.items()]
    return {hashlib.sha1(text.encode()).hexdigest().encode(): name for text, name in texts}  # noqa: S324 - as Redis


class Hold:
    """Holds the `skip`+1st call of `script` by `who`, and only that one, until it is released."""

    def __init__(self, script: str, when: When, who: str, skip: int) -> None:
        self.script = script
        self.when = when
        self.who = who
        self.holder = ""  # who was caught
        self.caught = threading.Event()
        self.release: Callable[[], None] = lambda: None
        self._skip = skip
        self._taken = False

    def takes(self, script: str, who: str) -> bool:
        """Whether this call is the one; counts it."""
        if self._taken or script != self.script or not who.startswith(self.who):
            return False
        self._skip -= 1
        self._taken = self._skip < 0
        return self._taken

    def missed(self) -> None:
        """Redis did not know the script yet: the call comes again."""
        self._skip, self._taken = 0, False

    def wait(self, seconds: float = 30) -> str:
        """Wait until a call is held; answers whose it is. Raises AssertionError when none comes."""
        assert self.caught.wait(seconds), f"no {self.script} by {self.who or 'anybody'} in {seconds} s"
        return self.holder


class RedisProxy:
    """`listen` gives each process its port. `calls` counts script calls by (who, script)."""

    def __init__(self, redis_port: int) -> None:
        self.redis_port = redis_port
        self.scripts = script_names()
        self.holds: list[Hold] = []
        self.calls: Counter[tuple[str, str]] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="redis-proxy", daemon=True)
        self._servers: list[asyncio.Server] = []

    def start(self) -> None:
        self._thread.start()

    def listen(self, who: str) -> int:
        """A port on which `who` reaches Redis."""

        async def serve() -> asyncio.Server:
            return await self._loop.create_server(lambda: _Client(self, who), "127.0.0.1", 0)

        server = asyncio.run_coroutine_threadsafe(serve(), self._loop).result(10)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def hold(self, script: str, when: When, who: str = "", skip: int = 0) -> Hold:
        """Hold a call of a script; `who` is the beginning of a process' name."""
        assert script in self.scripts.values(), f"there is no script {script}"
        hold = Hold(script, when, who, skip)
        self.holds.append(hold)
        return hold

    def release(self, hold: Hold) -> None:
        """Let a held call, or its answer, go on; a hold that caught nothing is taken away."""
        self.holds.remove(hold)
        hold.caught.set()
        self._loop.call_soon_threadsafe(hold.release)

    def made(self, script: str) -> int:
        """How often a script was called so far, by anybody."""
        return sum(count for (_, name), count in list(self.calls.items()) if name == script)

    def stop(self) -> None:
        for hold in list(self.holds):
            self.release(hold)

        async def end() -> None:
            for server in self._servers:
                server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class _Client(asyncio.Protocol):
    """One connection of a process; what it sends before Redis is reached is kept."""

    def __init__(self, proxy: RedisProxy, who: str) -> None:
        self.proxy = proxy
        self.who = who
        self.server = _Server(self)
        self.waiting: bytearray | None = bytearray()  # None: it flows
        self.transport: Any = None
        self._tail = b""
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: self.server, "127.0.0.1", self.proxy.redis_port)
        except OSError:
            self.transport.abort()
            return
        self.flow()

    def data_received(self, data: bytes) -> None:
        hold = self._scan(data)
        if self.waiting is not None:
            self.waiting += data
        elif hold is not None and hold.when == "before":
            self.waiting = bytearray(data)
            self._caught(hold, self.flow)
        else:
            if hold is not None:
                self.server.hold = hold
            self.server.transport.write(data)

    def _scan(self, data: bytes) -> Hold | None:
        """Count the calls in a packet; answers the hold that one of them has to wait for."""
        text, found = self._tail + data, None
        end = 0
        for match in _CALL.finditer(text):
            name, end = self.proxy.scripts.get(match[1], "?"), match.end()
            self.proxy.calls[self.who, name] += 1
            for hold in self.proxy.holds:
                if found is None and hold.takes(name, self.who):
                    found = hold
        self._tail = text[max(end, len(text) - _LONGEST) :]
        return found

    def _caught(self, hold: Hold, release: Callable[[], None]) -> None:
        hold.holder, hold.release = self.who, release
        hold.caught.set()

    def flow(self) -> None:
        """Send on what waited."""
        waited, self.waiting = self.waiting, None
        if waited and not self.server.transport.is_closing():
            self.server.transport.write(bytes(waited))

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if self.server.transport is not None:
            self.server.transport.abort()


class _Server(asyncio.Protocol):
    """The connection to Redis behind a client's."""

    def __init__(self, client: _Client) -> None:
        self.client = client
        self.transport: Any = None
        self.hold: Hold | None = None
        self._waiting: bytearray | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        hold, self.hold = self.hold, None
        if self._waiting is not None:
            self._waiting += data
        elif hold is not None and not data.startswith(_UNKNOWN_SCRIPT):
            self._waiting = bytearray(data)
            self.client._caught(hold, self._flow)
        else:
            if hold is not None:
                hold.missed()
            self.client.transport.write(data)

    def _flow(self) -> None:
        waited, self._waiting = self._waiting, None
        if waited and not self.client.transport.is_closing():
            self.client.transport.write(bytes(waited))

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if self.client.transport is not None:
            self.client.transport.abort()
