"""The parts that every consumer of work queues is put together from. Called by the composition roots only."""

from collections.abc import Callable

import redis

from common.observe import names
from common.observe.metrics import Metrics
from common.runtime.bells import Bells
from common.runtime.drain import Drainer
from common.runtime.service import Runtime
from common.settings.settings import Settings
from common.state.flow import Flow
from common.state.queue import WorkQueue
from common.state.register import Register
from common.state.runs import Runs
from common.state.store import Store

_TURN_SECONDS = 60.0  # of one bell; then it is rung again, so that connections take turns
_THROTTLED = frozenset({"quota_used_up", "rate_limited", "rate_used_up", "semaphore", "throttled"})
_SERVICENOW_QUEUES = frozenset({"tickets", "write"})


def state_store(settings: Settings, service: str) -> Store:
    """The state's Redis. Time-outs are explicit: a frozen server must not hang a worker for ever."""
    client = redis.Redis.from_url(
        settings.redis_state_url.get_secret_value(),
        socket_timeout=10,
        socket_connect_timeout=5,
        socket_keepalive=True,
        health_check_interval=10,
        client_name=f"isthmus-{service}",
    )
    return Store(client)


def flow_of(store: Store, bells: Bells, settings: Settings, metrics: Metrics) -> Flow:
    """The flow of runs; the process that ends a run counts it."""

    def ended(connection: str, run: str, status: str) -> None:
        runs = Runs(store, connection)
        metrics.count(names.RUNS, connection, status)
        findings = runs.findings(run)
        for outcome in ("read", "matched", "malformed", "repeated"):
            metrics.count(names.FINDINGS, outcome, "none", by=getattr(findings, outcome))
        for reason, count in findings.skipped.items():
            metrics.count(names.FINDINGS, "skipped", reason, by=count)

    return Flow(store, bells, window=settings.decision_window, ended=ended)


def drainer_of(
    store: Store,
    settings: Settings,
    runtime: Runtime,
    rests: Callable[[str], bool] | None = None,
    looks: int = 0,
) -> Drainer:
    """The drainer; `rests` says for which connections nothing may be done now (default: paused ones)."""

    def failure(queue: str, reason: str, seconds: float) -> None:
        runtime.metrics.count(names.TASKS, queue, "parked", reason)
        if reason in _THROTTLED:
            side = "servicenow" if queue in _SERVICENOW_QUEUES else "azure"
            runtime.metrics.count(names.THROTTLED_SECONDS, side, by=seconds)

    return Drainer(
        lambda connection, queue: WorkQueue(store, connection, queue),
        lease_seconds=settings.lease_seconds,
        budget_seconds=min(_TURN_SECONDS, settings.task_seconds),
        paused=rests or (lambda connection: Register(store, connection).paused()),
        failure=failure,
        parked=runtime.alarm.within,
        looks=looks,
    )
