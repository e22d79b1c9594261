"""Groups in Redis: contributions by unit, facts, memo; dirty groups by rule; groups to revisit.

A planned run writes to an overlay of its own, which is read over the live state and never becomes it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from common.model.group import Aggregate, Contribution, GroupFacts, Memo, fold
from common.state import keys
from common.state.store import Fence, Store, octets, raw, text

FACTS, MEMO = b"=", b"@"
_CHUNK = 200
_OVERLAY_TTL = 24 * 3600
_pack = msgspec.msgpack.Encoder().encode
_contribution = msgspec.msgpack.Decoder(Contribution).decode
_facts = msgspec.msgpack.Decoder(GroupFacts).decode
_memo = msgspec.msgpack.Decoder(Memo).decode


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group as it stands: `units` maps unit key -> contribution. `facts` is None for an unknown group."""

    facts: GroupFacts | None
    memo: Memo
    units: Mapping[bytes, Contribution]

    @property
    def aggregate(self) -> Aggregate:
        return fold(self.units.values())


@dataclass(frozen=True, slots=True)
class Share:
    """One unit's contribution to one group; None when nothing of the unit is left in it."""

    group: bytes
    facts: GroupFacts
    contribution: Contribution | None


class Groups:
    """Groups of a connection; with `plan_run` all writes go to that run's overlay."""

    def __init__(self, store: Store, connection: str, plan_run: str = "") -> None:
        self._store = store
        self._connection = connection
        self._plan = plan_run

    def contribute(self, fence: Fence, unit: bytes, shares: Sequence[Share]) -> None:
        """Overwrite what `unit` adds to groups; changed groups become dirty. Raises `Superseded`."""
        by_rule: dict[str, list[Share]] = {}
        for share in shares:
            by_rule.setdefault(share.facts.rule, []).append(share)
        for rule, some in by_rule.items():
            for start in range(0, len(some), _CHUNK):
                self._contribute(fence, unit, rule, some[start : start + _CHUNK])

    def _contribute(self, fence: Fence, unit: bytes, rule: str, shares: Sequence[Share]) -> None:
        c = self._connection
        if self._plan:
            self._overlay(unit, rule, shares)
            return
        names = [keys.dirty(c, rule), keys.rule_groups(c, rule), *(keys.group(c, s.group) for s in shares)]
        args: list[bytes] = [unit]
        for share in shares:
            value = _pack(share.contribution) if share.contribution is not None else b""
            args += [share.group, _pack(share.facts), value]
        self._store.fenced("contribute", fence, c, names, args)

    def _overlay(self, unit: bytes, rule: str, shares: Sequence[Share]) -> None:
        """Lay the plan's value over the live one ("" = nothing left); dirty only where they differ."""
        live = self._store.client.pipeline(transaction=False)
        for share in shares:
            live.hget(keys.group(self._connection, share.group), unit)
        pipe = self._store.client.pipeline(transaction=False)
        for share, before in zip(shares, live.execute(), strict=True):
            value = _pack(share.contribution) if share.contribution is not None else b""
            if (before or b"") == value:
                continue
            key = keys.plan_group(self._connection, self._plan, share.group)
            pipe.hset(key, mapping={unit: value, FACTS: _pack(share.facts)})
            pipe.expire(key, _OVERLAY_TTL)
            pipe.sadd(self._dirty(rule), share.group)
            pipe.expire(self._dirty(rule), _OVERLAY_TTL)
        pipe.execute()

    def get_many(self, groups: Sequence[bytes]) -> list[GroupState]:
        """The states of `groups`, in order."""
        pipe = self._store.client.pipeline(transaction=False)
        for group in groups:
            pipe.hgetall(keys.group(self._connection, group))
            if self._plan:
                pipe.hgetall(keys.plan_group(self._connection, self._plan, group))
        answers = pipe.execute()
        if self._plan:
            answers = [{**live, **over} for live, over in zip(answers[::2], answers[1::2], strict=True)]
        return [_state(fields) for fields in answers]

    def know(self, facts: Mapping[bytes, GroupFacts]) -> None:
        """Keep what groups are. No fence: a group's id is the digest of its facts, so they can't be wrong."""
        pipe = self._store.client.pipeline(transaction=False)
        for group, fact in facts.items():
            if self._plan:
                key = keys.plan_group(self._connection, self._plan, group)
                pipe.hset(key, FACTS, _pack(fact))
                pipe.expire(key, _OVERLAY_TTL)
            else:
                pipe.hsetnx(keys.group(self._connection, group), FACTS, _pack(fact))
        pipe.sadd(keys.named(self._connection, "rules"), "", *{fact.rule for fact in facts.values()})
        pipe.execute()

    def rules(self) -> list[str]:
        """Ids of all rules that ever made a group."""
        found = self._store.client.smembers(keys.named(self._connection, "rules"))
        return sorted(text(rule) for rule in found if rule)

    def facts(self, groups: Sequence[bytes]) -> dict[bytes, GroupFacts]:
        """What the groups are; those that nobody knows are left out."""
        pipe = self._store.client.pipeline(transaction=False)
        for group in groups:
            pipe.hget(keys.group(self._connection, group), FACTS)
            if self._plan:
                pipe.hget(keys.plan_group(self._connection, self._plan, group), FACTS)
        answers = pipe.execute()
        if self._plan:
            answers = [over or live for live, over in zip(answers[::2], answers[1::2], strict=True)]
        return {g: _facts(packed) for g, packed in zip(groups, answers, strict=True) if packed}

    def remember(self, fence: Fence, memos: Mapping[bytes, Memo]) -> None:
        """Store memos (live runs only; a plan must leave no trace)."""
        if self._plan:
            return
        self._remember(fence, {group: pack_memo(memo) for group, memo in memos.items()})

    def _remember(self, fence: Fence, memos: Mapping[bytes, bytes]) -> None:
        some = list(memos.items())
        for start in range(0, len(some), _CHUNK):
            names = [keys.group(self._connection, group) for group, _ in some[start : start + _CHUNK]]
            args = [MEMO, *(memo for _, memo in some[start : start + _CHUNK])]
            self._store.fenced("remember", fence, self._connection, names, args)

    def remember_packed(self, fence: Fence, memos: Mapping[bytes, bytes]) -> None:
        """Store memos that travelled with orders. Raises `Superseded`."""
        self._remember(fence, {group: memo for group, memo in memos.items() if memo})

    def make_dirty(self, rule: str, groups: Iterable[bytes]) -> None:
        """Mark groups to be decided; a mark too many costs a decision and nothing else."""
        some = list(groups)
        if some:
            self._store.client.sadd(self._dirty(rule), *some)

    def dirty(self, rule: str) -> Iterator[bytes]:
        for group in self._store.client.sscan_iter(self._dirty(rule), count=500):
            yield octets(group)

    def clean(self, fence: Fence, rule: str, groups: Sequence[bytes]) -> None:
        """Groups have their outcome. Raises `Superseded`: a newer run may have made them dirty again."""
        for start in range(0, len(groups), _CHUNK):
            some = groups[start : start + _CHUNK]
            self._store.fenced("clean", fence, self._connection, [self._dirty(rule)], some)

    def of_rule(self, rule: str) -> Iterator[bytes]:
        """Every group that the rule ever made and that still has state."""
        for group in self._store.client.sscan_iter(keys.rule_groups(self._connection, rule), count=500):
            yield octets(group)

    def revisit(self, fence: Fence, when: Mapping[bytes, int]) -> None:
        """Come back to groups at a time (Unix seconds); 0 forgets it. Raises `Superseded`."""
        if self._plan:
            return
        due = keys.due(self._connection)
        at = [part for group, time in when.items() if time for part in (time, group)]
        self._store.write(fence, self._connection, "ZADD", due, at)
        self._store.write(
            fence, self._connection, "ZREM", due, [group for group, at in when.items() if not at]
        )

    def due(self, now: int) -> list[bytes]:
        """Groups whose time has come."""
        found = raw(self._store.client.zrangebyscore(keys.due(self._connection), "-inf", now))
        return [group for group in found if group is not None]

    def _dirty(self, rule: str) -> bytes:
        if self._plan:
            return keys.plan_dirty(self._connection, self._plan, rule)
        return keys.dirty(self._connection, rule)


def pack_memo(memo: Memo) -> bytes:
    """A memo as it is stored."""
    return _pack(memo)


def _state(fields: Mapping[bytes, bytes]) -> GroupState:
    facts, memo, units = None, Memo(), {}
    for name, value in fields.items():
        if name == FACTS:
            facts = _facts(value)
        elif name == MEMO:
            memo = _memo(value)
        elif value:
            units[name] = _contribution(value)
    return GroupState(facts, memo, units)
