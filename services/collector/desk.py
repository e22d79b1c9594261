"""What one connection's work needs of Redis, under the fence of the run that it belongs to."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
import zstandard

from common.errors import Superseded
from common.state import keys
from common.state.directory import Directory
from common.state.flow import Flow
from common.state.register import Register
from common.state.runs import FAILED, RUNNING, Runs
from common.state.store import Fence, Store, octets, text

_TTL = 24 * 3600
_MEMO_TTL = 3600
T = TypeVar("T")


class Desk:
    """State of one connection."""

    def __init__(self, store: Store, flow: Flow, connection: str) -> None:
        self.store = store
        self.flow = flow
        self.connection = connection
        self.runs = Runs(store, connection)
        self.register = Register(store, connection)
        self.directory = Directory(store, connection)

    def fence(self, run: str) -> Fence:
        """The fence of a run that is current and running. Raises `Superseded`."""
        pipe = self.store.client.pipeline(transaction=False)
        pipe.hmget(keys.run(self.connection, run), ["status", "epoch"])
        pipe.hget(keys.connection(self.connection), "run")
        pipe.get(keys.EPOCH)
        (status, epoch), current, incarnation = pipe.execute()
        if text(current) != run or text(status) != RUNNING or text(epoch) != text(incarnation):
            raise Superseded
        return Fence(text(epoch), run)

    def planning(self, fence: Fence) -> bool:
        """Whether the run only plans."""
        mode = self.store.client.hget(keys.run(self.connection, fence.run), "mode")
        return text(mode) == "plan"

    def fail_run(self, fence: Fence, reason: str, sentence: str) -> bool:
        """End the run as failed, with a sentence; answers whether this call did it."""
        self.runs.tell(fence.run, reason, sentence)
        return self.runs.end(fence, FAILED, {"reason": reason})

    # failures in a row, apart from how often work was parked

    def failed_again(self, run: str, name: str) -> int:
        """Count a failure of a piece of work; answers how many there were in a row."""
        key = keys.run(self.connection, run, "failures")
        count = int(self.store.client.hincrby(key, name, 1))
        self.store.client.expire(key, _TTL)
        return count

    def went_on(self, run: str, name: str) -> None:
        """The piece of work made progress, and so did its run."""
        pipe = self.store.client.pipeline(transaction=False)
        pipe.hdel(keys.run(self.connection, run, "failures"), name)
        self.register.progress(pipe)
        pipe.execute()

    # steps that were done before the work was parked

    def memo(self, run: str, name: str, kind: type[T], compute: Callable[[], T]) -> T:
        """What `compute` answers, kept for an hour, so that parked work goes on where it was."""
        key = keys.run(self.connection, run, f"memo:{name}")
        known = octets(self.store.client.get(key))
        if known:
            return msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(known), type=kind)
        value = compute()
        packed = zstandard.ZstdCompressor(level=1).compress(msgspec.msgpack.encode(value))
        self.store.client.set(key, packed, ex=_MEMO_TTL)
        return value

    def forget(self, run: str, prefix: str, count: int) -> None:
        """Free memos `<prefix>:0` to `<prefix>:<count - 1>` and `<prefix>` itself."""
        wanted = [prefix, *(f"{prefix}:{number}" for number in range(count))]
        self.store.client.unlink(*(keys.run(self.connection, run, f"memo:{name}") for name in wanted))
