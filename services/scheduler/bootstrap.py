"""The scheduler's composition root."""

from common.observe import names
from common.observe.metrics import Metrics, MetricsServer
from common.runtime.celery_app import build_app
from common.runtime.liveness import Beacon
from common.runtime.version import VERSION
from common.settings.connections import load_connections
from common.settings.settings import Settings
from services.scheduler.beat import Beat

NAME = "scheduler"


def build(settings: Settings) -> Beat:
    """Read the connections and build beat. Raises ConfigurationError with every mistake.

    Secrets and rule files are the other services' business: the scheduler needs none of them.
    """
    connections = load_connections(settings.connections_file, check_files=False)
    return Beat(build_app(NAME, settings), connections, Beacon(settings.liveness_dir, NAME))


def serve_metrics(settings: Settings) -> MetricsServer:
    """The scheduler's own /metrics: that it is there, and its process."""
    metrics = Metrics(NAME, VERSION)
    metrics.set(names.WORKERS_CONSUMING, 1, NAME)
    return metrics.serve(settings.metrics_host, settings.metrics_port)
