"""Every metric by name: what Prometheus rules, dashboards and docs/metrics.md stand on.

Labels are bounded: connection, service, stage, outcome, reason, side, queue and the like; never a
subscription, a resource or a rule's title.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

QUICK = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
LONG = (10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0, 172800.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `stored`: the value lives in Redis and is read when Prometheus asks."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = QUICK
    stored: bool = False


def _stored(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, "gauge", text, labels, stored=True)


# Work of this process.
BUILD_INFO = Metric("isthmus_build_info", "gauge", "Always 1; the version runs.", ("version", "service"))
WORKERS_CONSUMING = Metric(
    "isthmus_workers_consuming", "gauge", "1 while this process takes work for the service.", ("service",)
)
TASKS = Metric(
    "isthmus_tasks_total", "counter", "Tasks by stage and how they ended.", ("stage", "outcome", "reason")
)
TASK_SECONDS = Metric("isthmus_task_seconds", "histogram", "Duration of a task.", ("stage",))
SWEEPS = Metric("isthmus_sweeps_total", "counter", "Sweeps for work whose bell was lost.", ("outcome",))
SCRAPE_FAILURES = Metric("isthmus_scrape_failures_total", "counter", "Scrapes that could not read Redis.")

# The way of the data.
FINDINGS = Metric(
    "isthmus_findings_total", "counter", "Findings by what became of them.", ("outcome", "reason")
)
DECISIONS = Metric(
    "isthmus_decisions_total", "counter", "Decisions by outcome and reason.", ("outcome", "reason")
)
RUNS = Metric("isthmus_runs_total", "counter", "Runs that ended, by status.", ("connection", "status"))
DUPLICATES_FOUND = Metric(
    "isthmus_duplicates_found_total", "counter", "Duplicate tickets met on look-up.", ("connection",)
)
FIELDS_DROPPED = Metric(
    "isthmus_fields_dropped_total", "counter", "Fields that the instance dropped or cut.", ("table", "field")
)
FINDING_TO_TICKET = Metric(
    "isthmus_finding_to_ticket_seconds",
    "histogram",
    "From first read to the ticket's answer.",
    ("kind",),
    LONG,
)
TICKET_TO_DEFENDER = Metric(
    "isthmus_ticket_to_defender_seconds", "histogram", "From a ticket's change to the write.", (), LONG
)

# The two clouds.
REQUESTS = Metric("isthmus_requests_total", "counter", "Requests to the two clouds.", ("side", "code_class"))
REQUEST_SECONDS = Metric("isthmus_request_seconds", "histogram", "Duration of requests.", ("side",))
THROTTLED_SECONDS = Metric(
    "isthmus_throttled_seconds_total", "counter", "Time for which work was parked by a quota.", ("side",)
)
SIGNIN_OK = Metric("isthmus_signin_ok", "gauge", "1 if the last sign-in succeeded.", ("connection", "side"))

# Read from Redis at scrape.
LAST_COMPLETE_RUN = _stored(
    "isthmus_last_complete_run_timestamp_seconds", "End of the last complete run.", "connection"
)
LEDGER_BROKEN = _stored(
    "isthmus_ledger_broken", "1 if a ledger of the last run does not add up.", "connection", "ledger"
)
OLDEST_MESSAGE = _stored(
    "isthmus_queue_oldest_message_age_seconds", "Age of the oldest waiting work.", "queue"
)
QUEUE_READY = _stored("isthmus_queue_ready", "Pieces of work that wait.", "queue")
QUEUE_LEASED = _stored("isthmus_queue_leased", "Pieces of work in hand.", "queue")
QUEUE_PARKED = _stored("isthmus_queue_parked", "Pieces of work put off.", "queue")
OUTBOX_UNCONFIRMED = _stored(
    "isthmus_outbox_unconfirmed", "Decisions whose execution is not confirmed.", "connection"
)
OUTBOX_UNCONFIRMED_AGE = _stored(
    "isthmus_outbox_unconfirmed_age_seconds", "Age of the oldest of them.", "connection"
)
TICKETS_OPEN = _stored("isthmus_tickets_open", "Tickets that are open.", "connection", "type", "priority")
SUBSCRIPTIONS = _stored("isthmus_subscriptions", "Subscriptions in scope, by state.", "connection", "state")
HELD = _stored("isthmus_held", "Decisions that wait for a person.", "connection")
DEAD_LETTERS = _stored("isthmus_dead_letters", "Decisions that can't succeed without a person.", "connection")
DEAD_LETTER_AGE = _stored("isthmus_dead_letter_age_seconds", "Age of the oldest dead letter.", "connection")
QUOTA_REMAINING = _stored("isthmus_quota_remaining", "Requests left in the present window.", "side")
REDIS_MEMORY_RATIO = _stored("isthmus_redis_memory_ratio", "Used memory by maxmemory; 0 without a limit.")

ALL: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
STORED = {metric.name: metric for metric in ALL if metric.stored}

SIDES = ("azure", "servicenow")
CODE_CLASSES = ("2xx", "3xx", "4xx", "429", "5xx", "none")
TASK_OUTCOMES = (
    ("done", "none"),
    ("dropped", "malformed_message"),
    ("dropped", "superseded"),
    ("parked", "none"),
    ("failed", "unexpected"),
)
SERVICES = ("scheduler", "collector", "mapper", "servicenow_writer")
FINDING_OUTCOMES = ("read", "matched", "skipped", "malformed", "repeated")
RUN_STATUSES = ("complete", "partial", "planned", "failed", "superseded", "rejected")
