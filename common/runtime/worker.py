"""Runs a service as a Celery worker process.

A service's `__main__` is:

sys.exit(main("collector", build))
"""

import argparse
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from celery import Celery, signals
from celery.apps.worker import Worker
from celery.worker import state

from common.observe import names
from common.observe.logs import log, set_up_logging
from common.observe.metrics import Metrics, MetricsServer
from common.runtime import queues, tasks
from common.runtime.acks import LostAcks
from common.runtime.celery_app import build_app
from common.runtime.liveness import Beacon, consuming_step, liveness_step
from common.runtime.post import Post
from common.runtime.service import Builder, Runtime, Service
from common.runtime.sweeper import Sweeper
from common.runtime.version import VERSION
from common.settings.problems import ConfigurationError
from common.settings.settings import Settings, load_settings

USAGE_ERROR = 64
CONFIGURATION_ERROR = 78  # EX_CONFIG of sysexits.h


def main(service: str, build: Builder, arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; running tasks end first. Answers the exit code, 0 after a clean stop.

    78 when settings or connections can't be used: every mistake is printed, and a restart won't help.
    """
    options = _parse(service, arguments)
    try:
        settings = load_settings()
        set_up_logging(service, settings.log_format, settings.log_level)
        app = build_app(service, settings)
        runtime = Runtime(service, Metrics(service, VERSION), Post(app))
        built = build(settings, runtime)
    except ConfigurationError as error:
        for problem in error.problems:
            sys.stderr.write(f"{problem}\n")
        return CONFIGURATION_ERROR
    try:
        return _serve(app, built, runtime, settings, options)
    finally:
        built.close()
        runtime.post.close()


def _serve(
    app: Celery, service: Service, runtime: Runtime, settings: Settings, options: argparse.Namespace
) -> int:
    beacon = Beacon(settings.liveness_dir, runtime.name)
    beacon.remove()  # a killed predecessor left its files

    def consuming(*, now: bool) -> None:
        beacon.set_ready(now)
        runtime.metrics.set(names.WORKERS_CONSUMING, int(now), runtime.name)
        log("worker").info("consuming" if now else "not_consuming")

    acks = LostAcks()
    for name, handler in service.tasks.items():
        tasks.register(app, name, handler, runtime.metrics, acks.request())
    beacon.touch()
    app.steps["consumer"].add(acks.step())
    app.steps["consumer"].add(liveness_step(beacon.touch))
    app.steps["consumer"].add(consuming_step(lambda: consuming(now=True), lambda: consuming(now=False)))
    runtime.metrics.read_at_scrape(service.scrape)
    server = runtime.metrics.serve(settings.metrics_host, settings.metrics_port)
    sweeper = Sweeper(service.sweep, settings.sweep_seconds, runtime.metrics, runtime.alarm)
    try:
        return _consume(
            app, service, runtime, sweeper, server, options, options.concurrency or settings.concurrency
        )
    finally:
        sweeper.stop()
        server.close()
        beacon.remove()


def _consume(
    app: Celery,
    service: Service,
    runtime: Runtime,
    sweeper: Sweeper,
    server: MetricsServer,
    options: argparse.Namespace,
    concurrency: int,
) -> int:
    wanted = tuple(options.queues or service.queues)
    signals.setup_logging.connect(_keep_our_logging, weak=False)
    worker = _Worker(
        app=app,
        hostname=f"{runtime.name}@{socket.gethostname()}",
        pool_cls="threads",
        concurrency=concurrency,
        queues=list(wanted),
        quiet=True,
        # With them a worker hangs for ever on a half-open connection to Redis.
        without_heartbeat=True,
        without_gossip=True,
        without_mingle=True,
    )
    log("worker").info(
        "starting", version=VERSION, queues=wanted, concurrency=concurrency, metrics_port=server.port
    )
    sweeper.start()
    worker.start()
    log("worker").info("stopped", exit_code=worker.exitcode or 0)
    return int(worker.exitcode or 0)


class _Worker(Worker):  # type: ignore[misc] # celery has no types
    """Celery's worker with signal handlers that say nothing: its own write raw lines between ours."""

    def install_platform_tweaks(self, worker: Any) -> None:
        del worker
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop_warmly)


def _stop_warmly(*_: Any) -> None:
    state.should_stop = 0  # the exit code; running tasks end first


def _keep_our_logging(**_: Any) -> None:
    """Connected to `setup_logging`, it keeps Celery from replacing ours."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE_ERROR, f"{self.prog}: {message}\n")


def _parse(service: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog=f"python -m services.{service}", description=f"The {service} of Isthmus.")
    parser.add_argument("--concurrency", type=int, choices=range(1, 65), metavar="N", help="threads (1-64)")
    parser.add_argument(
        "--queues", nargs="+", choices=queues.ALL, metavar="QUEUE", help="consume only these queues"
    )
    parser.add_argument("--version", action="version", version=VERSION)
    return parser.parse_args(arguments)
