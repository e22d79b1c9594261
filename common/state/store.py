"""One Redis client, its incarnation (epoch), and scripts that refuse a stale writer."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import redis
from redis.commands.core import Script

from common.errors import Superseded
from common.state import keys

_ARGS = 1000  # even, so that pairs stay together


@dataclass(frozen=True, slots=True)
class Fence:
    """Who writes: the incarnation of Redis, and the run ("" where any run may, as for a written ticket)."""

    epoch: str
    run: str = ""


class Store:
    """Access to state. `client` must not decode responses."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._scripts: dict[str, Script] = {}

    def epoch(self) -> str:
        """This incarnation of Redis; made on first use, so a wiped Redis answers another one."""
        # Two steps: SET with NX and GET at once needs Redis 7, and the bundled one is 6.2.
        self.client.set(keys.EPOCH, uuid.uuid4().hex, nx=True)
        return text(self.client.get(keys.EPOCH))

    def known_epoch(self) -> str:
        """The epoch if there is one, else ""; never makes one."""
        answer = self.client.get(keys.EPOCH)
        return text(answer)

    def run(self, name: str, names: Sequence[bytes], args: Sequence[Any]) -> Any:
        """Run `lua/<name>.lua` without a fence (claims, leases, and what only frees)."""
        return self._script(name, fenced=False)(keys=list(names), args=list(args))

    def fenced(
        self, name: str, fence: Fence, connection: str, names: Sequence[bytes], args: Sequence[Any]
    ) -> Any:
        """Run `lua/<name>.lua` behind the fence.

        Raises `Superseded` when epoch or run are no longer the current ones.
        """
        script = self._script(name, fenced=True)
        try:
            return script(
                keys=[keys.EPOCH, keys.connection(connection), *names],
                args=[fence.epoch, fence.run, *args],
            )
        except redis.ResponseError as error:
            if "STALE" in str(error):
                raise Superseded from error
            raise

    def write(self, fence: Fence, connection: str, command: str, key: bytes, args: Sequence[Any]) -> None:
        """One write command, in chunks of its arguments, behind the fence. Raises `Superseded`."""
        for start in range(0, len(args), _ARGS):
            self.fenced("write", fence, connection, [key], [command, *args[start : start + _ARGS]])

    def _script(self, name: str, *, fenced: bool) -> Script:
        label = f"{name}:{fenced}"
        script = self._scripts.get(label)
        if script is None:
            source = _source(name)
            if fenced:
                source = _source("fence") + source
            script = self._scripts[label] = self.client.register_script(source)
        return script


def text(value: object) -> str:
    """A Redis answer as text; "" for nothing."""
    return value.decode() if isinstance(value, bytes) else ""


def raw(values: Iterable[object]) -> list[bytes | None]:
    """A list answer of Redis as bytes, None where there is nothing."""
    return [value if isinstance(value, bytes) else None for value in values]


def octets(value: object) -> bytes:
    """One binary answer of Redis; b"" for nothing."""
    return value if isinstance(value, bytes) else b""


def _source(name: str) -> str:
    return resources.files("common.state").joinpath("lua", f"{name}.lua").read_text()
