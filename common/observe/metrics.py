"""The metrics of one process, on a registry of its own."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from common.model.decision import Outcome
from common.observe import names
from common.observe.names import Metric


@dataclass(frozen=True, slots=True)
class Sample:
    """A value read at scrape: `metric` is one of `names` with `stored`, `labels` in its order."""

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()


Scrape = Callable[[], Iterable[Sample]]


class Metrics:
    """Counters, gauges and histograms by `common.observe.names`. Safe to share between threads.

    Every combination of labels that is known beforehand starts at 0, so that the first event of a kind is
    an increase that an alert can see.
    """

    def __init__(self, service: str, version: str = "0.1.0", connections: Sequence[str] = ()) -> None:
        self.service = service
        self.registry = CollectorRegistry()
        self._made: dict[str, Any] = {m.name: self._make(m) for m in names.ALL if not m.stored}
        self._start_at_zero(connections)
        self.set(names.BUILD_INFO, 1, version, service)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Add `by` to a counter; 0 makes the series known."""
        self._child(metric, labels).inc(by)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        self._child(metric, labels).set(value)

    def time(self, metric: Metric, seconds: float, *labels: str) -> None:
        """Put a duration into a histogram."""
        self._child(metric, labels).observe(seconds)

    def observe(self, side: str, route: str, code_class: str, seconds: float) -> None:
        """A request to `side` was answered with `code_class` (`2xx` ... `none` for no answer).

        The route is for logs; as a label it would multiply the series.
        """
        del route
        self.count(names.REQUESTS, side, code_class)
        self.time(names.REQUEST_SECONDS, seconds, side)

    def read_at_scrape(self, scrape: Scrape) -> None:
        """Serve the samples of `scrape`, called at each scrape. Its failure is counted, not raised."""
        self.registry.register(_Stored(scrape, self))

    def serve(self, host: str, port: int) -> "MetricsServer":
        """Serve /metrics in a daemon thread; port 0 takes a free one. Raises OSError when it is taken."""
        server, _ = start_http_server(port, host, self.registry)
        return MetricsServer(server.server_port, server.shutdown)

    def _make(self, metric: Metric) -> Counter | Gauge | Histogram:
        if metric.kind == "histogram":
            return Histogram(
                metric.name, metric.help, metric.labels, registry=self.registry, buckets=metric.buckets
            )
        kind = Counter if metric.kind == "counter" else Gauge
        return kind(metric.name, metric.help, metric.labels, registry=self.registry)

    def _child(self, metric: Metric, labels: tuple[str, ...]) -> Any:
        made = self._made[metric.name]
        return made.labels(*labels) if metric.labels else made

    def _start_at_zero(self, connections: Sequence[str]) -> None:
        for service in names.SERVICES:
            self.set(names.WORKERS_CONSUMING, 0, service)
        for outcome in Outcome:
            self.count(names.DECISIONS, outcome.value, "none", by=0)
        for outcome_name in names.FINDING_OUTCOMES:
            self.count(names.FINDINGS, outcome_name, "none", by=0)
        for side in names.SIDES:
            self.count(names.THROTTLED_SECONDS, side, by=0)
            for code_class in names.CODE_CLASSES:
                self.count(names.REQUESTS, side, code_class, by=0)
        for swept in ("done", "failed"):
            self.count(names.SWEEPS, swept, by=0)
        for connection in connections:
            self.count(names.DUPLICATES_FOUND, connection, by=0)
            for status in names.RUN_STATUSES:
                self.count(names.RUNS, connection, status, by=0)


@dataclass(frozen=True, slots=True)
class MetricsServer:
    """A running endpoint: its port, and how to stop it."""

    port: int
    close: Callable[[], None]


class _Stored(Collector):
    def __init__(self, scrape: Scrape, metrics: Metrics) -> None:
        self._scrape, self._metrics = scrape, metrics

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()  # registering must not read Redis

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families = {m.name: GaugeMetricFamily(m.name, m.help, labels=m.labels) for m in names.STORED.values()}
        try:
            for sample in self._scrape():
                families[sample.metric.name].add_metric(sample.labels, sample.value)
        except Exception:  # noqa: BLE001 - a scrape without Redis still serves the process' own values
            self._metrics.count(names.SCRAPE_FAILURES)
            return
        yield from families.values()
