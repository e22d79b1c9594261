"""Every key in Redis, in one place. c = connection id, r = run id, u = 8-byte unit key, g = 8-byte group."""

EPOCH = b"isth:epoch"
CONNECTIONS = b"isth:connections"  # set of connection ids that have state


def connection(c: str) -> bytes:
    """Register of a connection: run, rebuilt, paused, marks, last_good."""
    return f"isth:{c}:conn".encode()


def queue(c: str, name: str, part: str) -> bytes:
    """A part (ready, leased, parked, body, owner) of a work queue."""
    return f"isth:{c}:q:{name}:{part}".encode()


def runs(c: str) -> bytes:
    """Sorted set of run ids by start time."""
    return f"isth:{c}:runs".encode()


def run(c: str, r: str, part: str = "") -> bytes:
    """A run's record, or a part of it: units, outcomes, counts, backlog, rules, events."""
    return f"isth:{c}:run:{r}{':' + part if part else ''}".encode()


def unit_part(c: str, r: str, part: str, u: bytes) -> bytes:
    """What a run holds of one unit: pages, tags, answers."""
    return f"isth:{c}:run:{r}:{part}:".encode() + u


def staged(c: str, r: str, part: str, stage: str, u: bytes) -> bytes:
    """What one mapping of a unit left: stage (its next generation), ids, missing."""
    return unit_part(c, r, f"{part}:{stage}", u)


def page(c: str, r: str, u: bytes, attempt: str, number: int) -> bytes:
    return f"isth:{c}:run:{r}:page:{attempt}:{number}:".encode() + u


def generation(c: str, u: bytes) -> bytes:
    """Hash: bucket -> packed sorted records of the unit's current generation."""
    return f"isth:{c}:unit:".encode() + u


def ids(c: str, u: bytes) -> bytes:
    """Hash: group bucket -> compressed ids of the unit's grouped findings."""
    return f"isth:{c}:ids:".encode() + u


def group(c: str, g: bytes) -> bytes:
    """Hash: unit key -> contribution, "=" -> facts, "@" -> memo."""
    return f"isth:{c}:g:".encode() + g


def plan_group(c: str, r: str, g: bytes) -> bytes:
    """The same for a planned run, laid over the live one."""
    return f"isth:{c}:run:{r}:g:".encode() + g


def links(c: str) -> bytes:
    return f"isth:{c}:links".encode()


def dirty(c: str, rule: str) -> bytes:
    return f"isth:{c}:dirty:{rule}".encode()


def plan_dirty(c: str, r: str, rule: str) -> bytes:
    return f"isth:{c}:run:{r}:dirty:{rule}".encode()


def rule_groups(c: str, rule: str) -> bytes:
    """Set of the groups that a rule made."""
    return f"isth:{c}:rule:{rule}".encode()


def due(c: str) -> bytes:
    return f"isth:{c}:due".encode()


def named(c: str, name: str) -> bytes:
    """Other per-connection registers: held, dead, released, approved, scope, metadata, skips, audit."""
    return f"isth:{c}:{name}".encode()


def bell(lane: str, c: str, slot: int) -> bytes:
    return f"isth:bell:{lane}:{c}:{slot}".encode()
