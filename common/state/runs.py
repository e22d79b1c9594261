"""Runs: their record, their units, how their groups ended, and two ledgers that add up (promise 3)."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from common.model.decision import Outcome
from common.state import keys
from common.state.store import Fence, Store, octets, raw, text

RUN_TTL = 30 * 24 * 3600
_CHUNK = 500

RUNNING, PLANNED, COMPLETE, PARTIAL, FAILED = "running", "planned", "complete", "partial", "failed"
SUPERSEDED, REJECTED, APPROVED = "superseded", "rejected", "approved"


class UnitRecord(msgspec.Struct, frozen=True):
    """One unit in one run. `state`: planned, read, mapped, done or failed (with `reason`).

    `attempt` names the reading whose pages count, `stage` the mapping whose staged generation counts.
    """

    unit: str
    state: str = "planned"
    expected: int = 0
    attempt: str = ""
    stage: str = ""
    tries: int = 0
    read: int = 0
    matched: int = 0
    skipped: dict[str, int] = {}
    malformed: int = 0
    repeated: int = 0
    exact: bool = True
    reason: str = ""

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed")


@dataclass(frozen=True, slots=True)
class Findings:
    """First ledger: read = matched + skipped + malformed + repeated."""

    read: int = 0
    matched: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    malformed: int = 0
    repeated: int = 0

    @property
    def balanced(self) -> bool:
        return self.read == self.matched + sum(self.skipped.values()) + self.malformed + self.repeated


@dataclass(frozen=True, slots=True)
class Groups:
    """Second ledger: touched = sum of the outcomes. `reasons` maps "outcome:reason" to a count."""

    touched: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)

    def count(self, outcome: Outcome) -> int:
        return sum(n for name, n in self.reasons.items() if name.partition(":")[0] == outcome)

    @property
    def balanced(self) -> bool:
        return self.touched == sum(self.reasons.values())


class Runs:
    """All runs of a connection."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store = store
        self._connection = connection

    def start(self, epoch: str, run: str, stale_after: float, fields: Mapping[str, str]) -> str:
        """Make `run` the current one; answers the id of the run that is current then.

        It is another one when that made progress within `stale_after` seconds (design: no run lock), and ""
        when `run` is the current one already: a doubled call.
        """
        now = int(time.time())
        flat: list[object] = [now, int(stale_after)]
        for name, value in {"status": RUNNING, "started": str(now), "epoch": epoch, **fields}.items():
            flat += [name, value]
        names = [
            keys.EPOCH,
            keys.connection(self._connection),
            keys.run(self._connection, run),
            keys.runs(self._connection),
        ]
        current = self._store.run("start_run", names, [epoch, run, *flat])
        self._store.client.sadd(keys.CONNECTIONS, self._connection)
        return text(current)

    def end(self, fence: Fence, status: str, fields: Mapping[str, str]) -> bool:
        """Close the current run; answers whether this call did it. Of the outcomes only the counts stay."""
        flat: list[object] = [status, int(time.time())]
        for name, value in {"closed": "1", **fields}.items():
            flat += [name, value]
        key = keys.run(self._connection, fence.run)
        done = self._store.fenced("end_run", fence, self._connection, [key], flat)
        for part in ("", "units", "counts", "rules", "events"):
            self._store.client.expire(keys.run(self._connection, fence.run, part), RUN_TTL)
        self._store.client.unlink(keys.run(self._connection, fence.run, "outcomes"))
        return bool(done)

    def update(self, fence: Fence, fields: Mapping[str, str]) -> None:
        """Set fields of the run's record. Raises `Superseded`."""
        flat: list[str] = []
        for name, value in fields.items():
            flat += [name, value]
        self._store.fenced("set", fence, self._connection, [keys.run(self._connection, fence.run)], flat)

    def annotate(self, run: str, fields: Mapping[str, str]) -> None:
        """Set fields of any run's record, current or not (status after an approval, request counts)."""
        pipe = self._store.client.pipeline(transaction=False)
        for name, value in fields.items():
            pipe.hset(keys.run(self._connection, run), name, value)
        pipe.execute()

    def add(self, run: str, counts: Mapping[str, int]) -> None:
        """Count requests and other things that decide nothing."""
        pipe = self._store.client.pipeline(transaction=False)
        for name, value in counts.items():
            pipe.hincrby(keys.run(self._connection, run), name, value)
        pipe.execute()

    def record(self, run: str) -> dict[str, str]:
        """The run's record; empty when there is none."""
        found = self._store.client.hgetall(keys.run(self._connection, run))
        return {text(name): text(value) for name, value in found.items()}

    def latest(self, limit: int = 20) -> list[str]:
        """Run ids, newest first."""
        return [text(r) for r in raw(self._store.client.zrevrange(keys.runs(self._connection), 0, limit - 1))]

    # units

    def put_units(self, fence: Fence, records: Iterable[UnitRecord]) -> None:
        some = list(records)
        key = keys.run(self._connection, fence.run, "units")
        for start in range(0, len(some), _CHUNK):
            flat: list[str | bytes] = []
            for record in some[start : start + _CHUNK]:
                flat += [record.unit, pack_unit(record)]
            self._store.fenced("set", fence, self._connection, [key], flat)

    def move_unit(self, fence: Fence, states: Sequence[str], after: UnitRecord) -> bool:
        """Put a unit's record if the present one is in one of `states`; answers whether it was put.

        Of several workers on one unit the first one's word stands. Raises `Superseded`.
        """
        key = keys.run(self._connection, fence.run, "units")
        packed = octets(self._store.client.hget(key, after.unit))
        if not packed or _unit(packed).state not in states:
            return False
        return not self._store.fenced(
            "swap", fence, self._connection, [key], [after.unit, packed, pack_unit(after)]
        )

    def unit(self, run: str, unit: str) -> UnitRecord | None:
        packed = self._store.client.hget(keys.run(self._connection, run, "units"), unit)
        return _unit(packed) if isinstance(packed, bytes) else None

    def units(self, run: str) -> list[UnitRecord]:
        return [
            _unit(v) for v in raw(self._store.client.hvals(keys.run(self._connection, run, "units"))) if v
        ]

    # ledgers

    def outcomes(self, fence: Fence, ended: Sequence[tuple[bytes, Outcome, str]]) -> None:
        """Record how groups ended (group, outcome, reason). Idempotent. Raises `Superseded`.

        Ignored once the run has ended.
        """
        names = [keys.run(self._connection, fence.run, part) for part in ("outcomes", "counts", "")]
        for start in range(0, len(ended), _CHUNK):
            flat: list[object] = []
            for group, outcome, reason in ended[start : start + _CHUNK]:
                flat += [group, f"{outcome}:{reason}"]
            self._store.fenced("outcome", fence, self._connection, names, flat)

    def outcome_of(self, run: str, groups: Sequence[bytes]) -> list[str]:
        """How groups ended as `outcome:reason`, "" where none is recorded yet."""
        if not groups:
            return []
        found = self._store.client.hmget(keys.run(self._connection, run, "outcomes"), list(groups))
        return [text(value) for value in found]

    def findings(self, run: str) -> Findings:
        skipped: Counter[str] = Counter()
        read = matched = malformed = repeated = 0
        for unit in self.units(run):
            skipped.update(unit.skipped)
            read, matched = read + unit.read, matched + unit.matched
            malformed, repeated = malformed + unit.malformed, repeated + unit.repeated
        return Findings(read, matched, dict(skipped), malformed, repeated)

    def groups(self, run: str) -> Groups:
        found = self._store.client.hgetall(keys.run(self._connection, run, "counts"))
        reasons = {text(name): int(value) for name, value in found.items() if int(value)}
        return Groups(int(self.record(run).get("touched", "0")), reasons)

    # events: sentences for people

    def tell(self, run: str, reason: str, sentence: str) -> None:
        """Add a sentence to the run's record, once per reason and sentence."""
        key = keys.run(self._connection, run, "events")
        self._store.client.hset(key, f"{reason}\x1f{sentence}", str(int(time.time())))
        self._store.client.expire(key, RUN_TTL)

    def told(self, run: str) -> list[tuple[str, str]]:
        """(reason, sentence) in the order they were first told."""
        found = self._store.client.hgetall(keys.run(self._connection, run, "events"))
        rows = sorted((int(at), *text(name).split("\x1f", 1)) for name, at in found.items())
        return [(str(reason), str(sentence)) for _, reason, sentence in rows]


_unit = msgspec.msgpack.Decoder(UnitRecord).decode
pack_unit = msgspec.msgpack.Encoder().encode
