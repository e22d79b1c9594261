"""`python -m services.collector`."""

import sys

from common.runtime.worker import main
from services.collector.bootstrap import NAME, build

if __name__ == "__main__":
    sys.exit(main(NAME, build))
