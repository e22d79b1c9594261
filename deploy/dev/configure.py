"""`python -m deploy.dev.configure READY_JSON DIRECTORY`: a configuration for a running simulator."""

import json
import sys
from pathlib import Path

from deploy.dev.layout import RULES, write_configuration


def main(arguments: list[str]) -> int:
    """Write connections.yaml, rules and secrets for the simulator's ready line."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m deploy.dev.configure READY_JSON DIRECTORY\n")
        return 64
    config = Path(arguments[1])
    for directory in (config / "rules", config / "secrets"):
        directory.mkdir(parents=True, exist_ok=True)
    write_configuration(config, json.loads(Path(arguments[0]).read_text()), RULES)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
