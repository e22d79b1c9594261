"""What a connection's names mean: recommendations, subscriptions, and what the instance offers.

Facts from Azure and ServiceNow, read anew in each run by the collector and used by the mapper. They decide
nothing by themselves, so a planned run refreshes them too.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import zstandard

from common.identity import normalise
from common.model.finding import Recommendation, Subscription
from common.state import keys
from common.state.register import Register
from common.state.store import Fence, Store, octets, raw, text

_CHUNK = 200
_pack = msgspec.msgpack.Encoder().encode
_recommendation = msgspec.msgpack.Decoder(Recommendation).decode
_subscription = msgspec.msgpack.Decoder(Subscription).decode
_SCOPE_TTL = 30 * 24 * 3600
UNIT_KIND = "recommendations"


def unit_of(subscription: str) -> str:
    """The unit's name: `recommendations:<subscription id>`."""
    return f"{UNIT_KIND}:{normalise(subscription)}"


def subscription_of(unit: str) -> str:
    """The subscription that a unit covers."""
    return unit.partition(":")[2]


class InstanceFacts(msgspec.Struct, frozen=True):
    """What the ServiceNow instance offers. `groups` and `users` map a name as written in rules to a sys_id.

    `close_codes` are the values of incident.close_code in order, None when they can't be read.
    `missing` are names that were looked up and are not there (or not active).
    """

    user_name: str = ""
    user_id: str = ""
    groups: dict[str, str] = {}
    users: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    close_codes: tuple[str, ...] | None = None
    read_at: int = 0


class RunScope(msgspec.Struct, frozen=True):
    """Subscriptions that a run found, those that wait for an approval, and those that were there before.

    `shrunk` are units that were not read since they lost most of their rows; `claimed` maps a subscription to
    the connection that has it.
    """

    found: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    shrunk: tuple[str, ...] = ()
    claimed: dict[str, str] = {}


_scope_json = msgspec.json.Decoder(RunScope)
_facts_json = msgspec.json.Decoder(InstanceFacts)


class Directory:
    """Names of one connection."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store = store
        self._connection = connection
        self._metadata = keys.named(connection, "metadata")
        self._about = keys.named(connection, "metadata_about")
        self._subscriptions = keys.named(connection, "subscriptions")
        self._rows = keys.named(connection, "unit_rows")
        self._instance = keys.named(connection, "instance")

    # recommendations

    def put_metadata(self, fence: Fence, recommendations: Iterable[Recommendation]) -> str:
        """Replace all recommendations; answers their version. Raises `Superseded`.

        Nothing is moved when they are the same as before.
        """
        packed = {r.key: _pack(r) for r in recommendations}
        version = _digest(packed)
        if version != self.metadata_version():
            before = {text(key) for key in self._store.client.hkeys(self._metadata)}
            self._set(
                fence,
                self._metadata,
                {key: zstandard.ZstdCompressor(level=3).compress(value) for key, value in packed.items()},
            )
            if gone := before - packed.keys():
                self._store.client.hdel(self._metadata, *gone)
        self._set(fence, self._about, {"version": version, "run": fence.run})
        return version

    def metadata_version(self) -> str:
        """A digest over all recommendations; "" when there are none yet. Enters the fingerprint."""
        return text(self._store.client.hget(self._about, "version"))

    def metadata_run(self) -> str:
        """The run that read the recommendations last."""
        return text(self._store.client.hget(self._about, "run"))

    def metadata(self) -> dict[str, Recommendation]:
        """Every recommendation by its key (lower case)."""
        unpack = zstandard.ZstdDecompressor().decompress
        found = self._store.client.hgetall(self._metadata)
        return {text(key): _recommendation(unpack(octets(value))) for key, value in found.items()}

    def recommendation(self, key: str) -> Recommendation | None:
        packed = octets(self._store.client.hget(self._metadata, normalise(key)))
        return _recommendation(zstandard.ZstdDecompressor().decompress(packed)) if packed else None

    def known_recommendations(self) -> set[str]:
        """The keys of all recommendations in being."""
        return {text(key) for key in self._store.client.hkeys(self._metadata)}

    # subscriptions

    def put_subscriptions(self, fence: Fence, subscriptions: Iterable[Subscription]) -> None:
        """Add or replace subscriptions; those that left the scope stay known by name. Raises `Superseded`."""
        self._set(fence, self._subscriptions, {s.id: _pack(s) for s in subscriptions})

    def subscriptions(self) -> dict[str, Subscription]:
        """Every subscription that was ever in scope, by id."""
        found = self._store.client.hgetall(self._subscriptions)
        return {text(key): _subscription(octets(value)) for key, value in found.items()}

    def subscription(self, key: str) -> Subscription | None:
        """One subscription that was ever in scope."""
        packed = octets(self._store.client.hget(self._subscriptions, key))
        return _subscription(packed) if packed else None

    # rows a unit had when it was last read whole, in a live run

    def rows(self, units: Sequence[str]) -> dict[str, int]:
        """Rows by unit, for the units that were read whole before."""
        if not units:
            return {}
        found = raw(self._store.client.hmget(self._rows, list(units)))
        return {unit: int(value) for unit, value in zip(units, found, strict=True) if value is not None}

    def put_rows(self, fence: Fence, unit: str, rows: int) -> None:
        """Note how many rows a unit had. Raises `Superseded`."""
        self._set(fence, self._rows, {unit: str(rows).encode()})

    def forget_rows(self, units: Sequence[str]) -> None:
        """A person accepted that these units shrank: the next run compares with nothing."""
        if units:
            self._store.client.hdel(self._rows, *units)

    # scopes of runs

    def put_run_scope(self, run: str, scope: RunScope) -> None:
        """What a run found of the configured scope: an approval of the run accepts it."""
        self._store.client.set(
            keys.run(self._connection, run, "scope"), msgspec.json.encode(scope), ex=_SCOPE_TTL
        )

    def run_scope(self, run: str) -> RunScope:
        """What a run found; empty when it did not get that far."""
        found = octets(self._store.client.get(keys.run(self._connection, run, "scope")))
        return _scope_json.decode(found) if found else RunScope()

    def accept_scope(self, run: str) -> tuple[str, ...]:
        """A person accepted what the run found; answers its subscriptions, for `Approvals.approve`.

        Units that shrank are read again from now on, and lost subscriptions are told no more.
        """
        scope = self.run_scope(run)
        self.forget_rows(scope.shrunk)
        register = self._register()
        if scope.lost and (document := register.document("scope")):
            lost = set(scope.lost)
            for name in ("subscriptions", "lost"):
                document[name] = [one for one in document.get(name, []) if one not in lost]
            register.put_document("scope", document)
        return scope.found

    # the instance

    def instance(self) -> InstanceFacts:
        """What the instance offers; empty before the first run."""
        found = octets(self._store.client.get(self._instance))
        return _facts_json.decode(found) if found else InstanceFacts()

    def put_instance(self, facts: InstanceFacts) -> None:
        self._store.client.set(self._instance, msgspec.json.encode(facts))

    def _register(self) -> Register:
        return Register(self._store, self._connection)

    def _set(self, fence: Fence, key: bytes, fields: Mapping[str, bytes | str]) -> None:
        pairs = list(fields.items())
        for start in range(0, len(pairs), _CHUNK):
            flat = [part for pair in pairs[start : start + _CHUNK] for part in pair]
            self._store.fenced("set", fence, self._connection, [key], flat)


def _digest(packed: Mapping[str, bytes]) -> str:
    """16 hex digits over all recommendations, whatever their order."""
    if not packed:
        return ""
    digest = hashlib.blake2b(digest_size=8)
    for key in sorted(packed):
        digest.update(packed[key])
    return digest.hexdigest()
