"""`python -m tests.bench [--case NAME ...] [--findings N] [--markdown PAGE]`.

Tables for people, then one line of JSON for each case. All sizes are scaled with N.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench import case_group, case_limits, case_memory, case_pysnow, case_reads, case_sync
from tests.bench.case import Case
from tests.bench.rig import Sizes
from tests.bench.show import markdown, put_into, show

FAMILIES: Mapping[str, Callable[[Sizes], Iterator[Case]]] = {
    "sync": case_sync.cases,
    "reads": case_reads.cases,
    "memory": case_memory.cases,
    "limits": case_limits.cases,
    "group": case_group.cases,
    "script": case_pysnow.cases,
}


def measured(names: Sequence[str], sizes: Sizes) -> Iterator[Case]:
    """Run the families one after the other, telling on stderr how far it is."""
    for name in names:
        began = time.monotonic()
        for case in FAMILIES[name](sizes):
            sys.stderr.write(f"{name}: {case.name}\n")
            yield case
        sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--case", nargs="+", choices=FAMILIES, default=list(FAMILIES), metavar="NAME")
    parser.add_argument("--findings", type=int, default=Sizes().sync, metavar="N")
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="put the tables between PAGE's marks")
    options = parser.parse_args()
    # Its processes are in sessions of their own: they end with it only if it ends in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cases = list(measured(options.case, Sizes.of(options.findings)))
    show(cases)
    if options.markdown:
        put_into(options.markdown, markdown(cases))
    for case in cases:
        sys.stdout.write(case.line() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
