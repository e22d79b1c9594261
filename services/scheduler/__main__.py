"""`python -m services.scheduler`: one is enough, a second one is harmless."""

import signal
import sys
from typing import NoReturn

from common.observe.logs import log, set_up_logging
from common.runtime.worker import CONFIGURATION_ERROR
from common.settings.problems import ConfigurationError
from common.settings.settings import load_settings
from services.scheduler.bootstrap import NAME, build, serve_metrics


def _stop(*_: object) -> NoReturn:
    raise SystemExit(0)


def main() -> int:
    """Run until SIGTERM or SIGINT; 78 when the configuration can't be used."""
    try:
        settings = load_settings()
        set_up_logging(NAME, settings.log_format, settings.log_level)
        beat = build(settings)
    except ConfigurationError as error:
        for problem in error.problems:
            sys.stderr.write(f"{problem}\n")
        return CONFIGURATION_ERROR
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    server = serve_metrics(settings)
    log(NAME).info("starting", metrics_port=server.port)
    try:
        beat.run()
    finally:
        server.close()
    log(NAME).info("stopped", exit_code=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
