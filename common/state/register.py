"""The register of a connection: current run, marks, pause, approvals, scope, audit."""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

import zstandard
from redis.client import Pipeline

from common.state import keys
from common.state.store import Fence, Store, raw, text

AUDIT_LIMIT = 10_000
_BATCH = 1000
_MARK = "mark:"


class Register:
    """What stands in Redis about one connection besides its findings and links."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store = store
        self._connection = connection
        self._key = keys.connection(connection)

    def get(self, name: str) -> str:
        return text(self._store.client.hget(self._key, name))

    def all(self) -> dict[str, str]:
        return {text(k): text(v) for k, v in self._store.client.hgetall(self._key).items()}

    def update(self, fence: Fence, fields: Mapping[str, str]) -> None:
        """Set fields behind the fence. Raises `Superseded`."""
        flat: list[str] = []
        for name, value in fields.items():
            flat += [name, value]
        self._store.fenced("set", fence, self._connection, [self._key], flat)

    def current_run(self) -> str:
        """The run that may write, "" when there never was one."""
        return self.get("run")

    def progress(self, pipe: Pipeline | None = None) -> None:
        """Note that the current run moves on, along with what else is in `pipe`."""
        (pipe or self._store.client).hset(self._key, "progress", str(int(time.time())))

    # pause: acts at the next look, within seconds (promise 9)

    def pause(self, by: str) -> None:
        self._store.client.hset(self._key, mapping={"paused": "1", "paused_by": by})
        self.audit("paused", by, {})

    def resume(self, by: str) -> None:
        self._store.client.hdel(self._key, "paused", "paused_by")
        self.audit("resumed", by, {})

    def paused(self) -> bool:
        return self.get("paused") == "1"

    # links

    def links_rebuilt(self, epoch: str) -> bool:
        """Whether the links were read back from ServiceNow in this incarnation (promise 5)."""
        return self.get("rebuilt") == epoch

    def mark(self, table: str) -> tuple[str, str] | None:
        """(sys_updated_on, sys_id) up to which ServiceNow was read, on its clock; None = from the start."""
        found = self.get(_MARK + table)
        if not found:
            return None
        updated_on, _, sys_id = found.partition("|")
        return updated_on, sys_id

    def move_mark(self, fence: Fence, table: str, updated_on: str, sys_id: str) -> None:
        self.update(fence, {_MARK + table: f"{updated_on}|{sys_id}"})

    # approvals

    def document(self, name: str) -> dict[str, Any]:
        """A JSON document of the connection: approved, scope."""
        found = text(self._store.client.get(keys.named(self._connection, name)))
        document: dict[str, Any] = json.loads(found) if found else {}
        return document

    def put_document(self, name: str, document: Mapping[str, Any]) -> None:
        self._store.client.set(keys.named(self._connection, name), json.dumps(document, sort_keys=True))

    def release(self, kind: str, groups: Iterable[bytes]) -> None:
        """Let held groups through every cap once; `kind` is create, rewrite or resolve."""
        some = list(groups)
        if some:
            self._store.client.sadd(keys.named(self._connection, f"released:{kind}"), *some)

    def released(self, kind: str, groups: list[bytes]) -> set[bytes]:
        """Which of the groups were released."""
        if not groups:
            return set()
        flags = self._store.client.smismember(keys.named(self._connection, f"released:{kind}"), groups)
        return {group for group, flag in zip(groups, flags, strict=True) if flag}

    def forget_releases(self, kind: str) -> None:
        """What was released and not used yet is held again."""
        self._store.client.unlink(keys.named(self._connection, f"released:{kind}"))

    def use_release(self, kind: str, groups: list[bytes]) -> None:
        if groups:
            self._store.client.srem(keys.named(self._connection, f"released:{kind}"), *groups)

    # audit

    def audit(self, what: str, who: str, details: Mapping[str, Any]) -> None:
        """Note a person's deed or a hold; exported, never trimmed."""
        entry = {"at": int(time.time()), "what": what, "who": who, **details}
        self._store.client.rpush(keys.named(self._connection, "audit"), json.dumps(entry, sort_keys=True))

    def audit_entries(self) -> list[dict[str, Any]]:
        found = raw(self._store.client.lrange(keys.named(self._connection, "audit"), 0, -1))
        return [json.loads(entry) for entry in found if entry]

    def wrote(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Note writes to ServiceNow; the last 10,000 are kept, in compressed batches."""
        some = list(entries)
        for start in range(0, len(some), _BATCH):
            batch = some[start : start + _BATCH]
            packed = zstandard.ZstdCompressor(level=6).compress(json.dumps(batch, sort_keys=True).encode())
            args = [b"%04d" % len(batch) + packed, len(batch), AUDIT_LIMIT]
            names = [keys.named(self._connection, name) for name in ("writes", "writes_count")]
            self._store.run("wrote", names, args)

    def writes(self) -> list[dict[str, Any]]:
        """The last writes, oldest first; at least 10,000 where there were as many."""
        found = raw(self._store.client.lrange(keys.named(self._connection, "writes"), 0, -1))
        unpack = zstandard.ZstdDecompressor().decompress
        return [entry for packed in found if packed for entry in json.loads(unpack(packed[4:]))]
