"""Says in one sentence what a bare machine lacks. Runs on any Python 3, so it uses nothing new."""

import shutil
import sys


def main() -> int:
    """Exit code 0 when the virtual environment can be made."""
    found = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.stderr.write(
            "setup: Isthmus runs on Python 3.11 to 3.13, and this one is " + found + ": install one of them "
            "(Debian 12: sudo apt-get install python3 python3-venv), then run make PYTHON=python3.11 ...\n"
        )
        return 1
    try:
        import ensurepip  # noqa: F401, PLC0415 - absent on Debian without python3-venv
        import venv  # noqa: F401, PLC0415
    except ImportError:
        sys.stderr.write(
            "setup: this Python can't make virtual environments: "
            "install python3-venv (sudo apt-get install python3-venv), then try again\n"
        )
        return 1
    if sys.version_info >= (3, 13) and not shutil.which("redis-server"):
        sys.stderr.write(
            "setup: note: on Python 3.13 the tests and the demo need redis-server on PATH "
            "(sudo apt-get install redis-server)\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
