"""`python -m tests.chaos [--seed N]`: the last line is the accounting; exit code 0 if all is right."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.pace import FULL, SHORT, Pace
from tests.chaos.play import Play
from tests.chaos.rules import MODEL, RULES
from tests.chaos.sabotage import SABOTAGES, sabotaged
from tests.chaos.schedule import schedule
from tests.simulator import ROOT
from tests.stack import Stack
from tests.stack_witness import Accounting

WORKERS = ("collector", "collector-2", "mapper", "mapper-2", "writer", "writer-2")


def chaos(seed: int, pace: Pace, root: Path = ROOT) -> tuple[Accounting, list[str]]:
    """Play a seed with the product at `root`; the accounting, and lines about what was seen."""
    with (
        Stack(
            findings=pace.findings,
            seed=seed,
            rules=RULES,
            model=MODEL,
            workers=WORKERS,
            settings=pace.settings,
            proxied=True,
            root=root,
        ) as stack,
        Play(stack, pace, seed) as play,
    ):
        for act in schedule(seed, pace):
            play.act(act)
        found = play.quiet()
    lines = [*found.problems, *play.healing.lines()]
    lines.append(f"heal: p95={play.healing.percentile_95():.1f} s over all faults")
    lines.append(f"seed={seed} struck={play.struck} missed={play.missed}")
    return found, lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="one or more, one after the other")
    parser.add_argument("--short", action="store_true", help="short leases and a small world")
    parser.add_argument("--sabotage", choices=SABOTAGES, help="take a safeguard out of the product first")
    options = parser.parse_args()
    right = True
    with tempfile.TemporaryDirectory(prefix="isthmus-sabotage-") as directory:
        root = sabotaged(options.sabotage, Path(directory)) if options.sabotage else ROOT
        for seed in options.seed:
            found, lines = chaos(seed, SHORT if options.short else FULL, root)
            for line in [*lines, found.line()]:
                sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
            right = right and found.right
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
