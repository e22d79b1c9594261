"""What only Redis knows and a person may need again: approvals, holds, dead letters, detaches, audit."""

import time
from typing import Any

from common.observe.logs import clean_text
from common.operate.times import moment
from common.state import keys
from common.state.holds import DeadLetters, Holds
from common.state.links import Links
from common.state.register import Register
from common.state.store import Store, raw

FORMAT = 1


def export(store: Store, connections: list[str]) -> dict[str, Any]:
    """State of the connections as a JSON document (docs/cli.md). It holds no secrets: Redis has none."""
    return {
        "format": FORMAT,
        "exported": moment(time.time()),
        "epoch": store.known_epoch(),
        "connections": {one: _connection(store, one) for one in connections},
    }


def _connection(store: Store, connection: str) -> dict[str, Any]:
    register = Register(store, connection)
    return {
        "paused": register.paused(),
        "recovered": register.get("recovered") == "1",
        "approvals": register.document("approved"),
        "scope": register.document("scope"),
        "released": {kind: _released(store, connection, kind) for kind in ("create", "resolve")},
        "holds": _holds(store, connection),
        "dead_letters": [
            {"group": group.hex(), **_cleaned(letter)}
            for group, letter in DeadLetters(store, connection).all()
        ],
        "detaches": _detaches(store, connection),
        "audit": register.audit_entries(),
        "writes": Register(store, connection).writes(),
    }


def _released(store: Store, connection: str, kind: str) -> list[str]:
    found = store.client.smembers(keys.named(connection, f"released:{kind}"))
    return sorted(group.hex() for group in raw(found) if group)


def _holds(store: Store, connection: str) -> list[dict[str, Any]]:
    return [
        {
            "group": hold.group.hex(),
            "run": hold.run,
            "rule": hold.rule,
            "kind": hold.kind,
            "reason": hold.reason,
            "worst": hold.worst,
            "since": moment(hold.since),
        }
        for hold in Holds(store, connection).all()
    ]


def _detaches(store: Store, connection: str) -> list[dict[str, Any]]:
    """Tickets that a person deleted or took from us: they are not touched nor made again."""
    return [
        {
            "group": group.hex(),
            "number": link.number,
            "sys_id": link.sys_id,
            "generation": link.generation,
            "detached": link.detached,
            "deleted": link.deleted,
        }
        for group, link in Links(store, connection).scan()
        if link.detached or link.deleted
    ]


def _cleaned(value: Any) -> Any:
    """Texts from outside without anything that looks like a credential."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {name: _cleaned(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_cleaned(part) for part in value]
    return value
