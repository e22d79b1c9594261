"""`python -m services.mapper`: the mapper as a worker process."""

import sys

from common.runtime.worker import main
from services.mapper.bootstrap import NAME, build

if __name__ == "__main__":
    sys.exit(main(NAME, build))
