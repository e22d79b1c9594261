"""`python -m common.runtime.probe live|ready|both [SERVICE]`: exit code 0 or 1, one sentence when it is 1.

Imports neither Celery nor settings, since it runs every few seconds: the directory and the limit come from
ISTHMUS_LIVENESS_DIR and ISTHMUS_LIVENESS_SECONDS. Without SERVICE, every file in the directory counts.
"""

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LIMIT_SECONDS = 600.0
_KINDS = {"live": ("live",), "ready": ("ready",), "both": ("live", "ready")}
_USAGE = "usage: python -m common.runtime.probe live|ready|both [SERVICE]"


def trouble(kind: str, service: str, directory: Path, limit: float, now: float) -> str:
    """What is wrong, or an empty string."""
    files = sorted(directory.glob(f"{service or '*'}.{kind}"))
    if not files:
        return f"no {kind} file of {service or 'any service'} in {directory}"
    if kind == "ready":
        return ""
    for path in files:
        try:
            age = now - path.stat().st_mtime
        except FileNotFoundError:
            return f"{path.name} went away"
        if age > limit:
            return f"{path.name} is {age:.0f} s old, more than {limit:.0f} s"
    return ""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Answer a probe."""
    if not 1 <= len(arguments) <= 2 or arguments[0] not in _KINDS:
        sys.stderr.write(f"{_USAGE}\n")
        return 64
    directory = Path(environment.get("ISTHMUS_LIVENESS_DIR") or Path(tempfile.gettempdir()) / "isthmus")
    limit = float(environment.get("ISTHMUS_LIVENESS_SECONDS") or LIMIT_SECONDS)
    service = arguments[1] if len(arguments) == 2 else ""
    for kind in _KINDS[arguments[0]]:
        if wrong := trouble(kind, service, directory, limit, time.time()):
            sys.stderr.write(f"{wrong}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
