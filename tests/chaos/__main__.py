"""`python -m tests.chaos [--seed N] [--short]`: the last line is the accounting; code 0 if all is right."""

import argparse
import sys

from tests.chaos.pace import FULL, SHORT, Pace
from tests.chaos.play import Play
from tests.chaos.rules import MODEL, RULES
from tests.chaos.schedule import schedule
from tests.stack import Stack
from tests.stack_witness import Accounting

WORKERS = ("collector", "collector-2", "mapper", "mapper-2", "writer", "writer-2")


def chaos(seed: int, pace: Pace) -> tuple[Accounting, list[str]]:
    """Play a seed; the accounting, and lines about what was seen."""
    with Stack(
        findings=pace.findings,
        seed=seed,
        rules=RULES,
        model=MODEL,
        workers=WORKERS,
        settings=pace.settings,
        proxied=True,
    ) as stack:
        play = Play(stack, pace, seed)
        found = play.play(schedule(seed, pace))
    lines = [*found.problems, *play.healing.lines()]
    lines.append(f"heal: p95={play.healing.percentile_95():.1f} s over all faults")
    lines.append(f"seed={seed} struck={play.struck} missed={play.missed}")
    return found, lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="short leases and a small world")
    options = parser.parse_args()
    found, lines = chaos(options.seed, SHORT if options.short else FULL)
    for line in [*lines, found.line()]:
        sys.stdout.write(f"{line}\n")
    return 0 if found.right else 1


if __name__ == "__main__":
    sys.exit(main())
