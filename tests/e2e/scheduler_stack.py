"""A supervisor over Redis, simulator and scheduler only: `python -m tests.e2e.scheduler_stack DIRECTORY`."""

import signal
import sys
from pathlib import Path

from deploy.dev.layout import RULES, Layout, Options
from deploy.dev.supervise import Stopped, Supervisor, alone


def _stop(*_: object) -> None:
    raise Stopped


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    layout = Layout(Options(Path(sys.argv[1]), 60, 1, "none", None, RULES, 64, (("s", "scheduler", ()),)))
    try:
        with alone(layout.var):
            layout.make()
            Supervisor(layout).run()
    except Stopped:
        pass
