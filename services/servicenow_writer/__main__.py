"""`python -m services.servicenow_writer`."""

import sys

from common.runtime.worker import main
from services.servicenow_writer.bootstrap import NAME, build

if __name__ == "__main__":
    sys.exit(main(NAME, build))
