"""Where Redis' memory is: bytes by family of keys."""

import re
from collections import Counter

import redis

from tests.stack import CONNECTION

_SCAN = 1000
_PLAIN = re.compile(rb"[a-z_]+")


def family_of(key: bytes) -> str:
    """`isth:demo:run:<id>:units` -> `run:units`: the words of a key, without ids."""
    prefix = f"isth:{CONNECTION}:".encode()
    if not key.startswith(prefix):
        return "other"
    first, *rest = key.removeprefix(prefix).split(b":")
    if first == b"run":
        rest = rest[1:2]  # behind the run's id
    elif first != b"q":
        rest = []
    words = [part.decode() for part in (first, *rest) if _PLAIN.fullmatch(part)]
    return ":".join(words)


def bytes_by_family(client: redis.Redis) -> dict[str, int]:
    """Every key by MEMORY USAGE, all of its elements counted; the largest family first."""
    found: Counter[str] = Counter()
    names = list(client.scan_iter(count=_SCAN))
    for start in range(0, len(names), _SCAN):
        some = names[start : start + _SCAN]
        pipe = client.pipeline(transaction=False)
        for name in some:
            pipe.memory_usage(name, samples=0)
        for name, size in zip(some, pipe.execute(), strict=True):
            found[family_of(name)] += size or 0
    return dict(found.most_common())
