"""One Celery configuration for every service and for every sender.

Pins: celery>=5.6.3,<5.7 (5.7.0 exits when Redis restarts under an unacknowledged task), kombu>=5.7,<5.8
(its Redis fixes of 2026), redis>=8.1,<9.
tests/e2e/test_runtime_broker.py restarts Redis under a running task.
"""

from typing import Any

from celery import Celery
from kombu.entity import Queue

from common.runtime import queues
from common.settings.settings import Settings

KEY_PREFIX = "isthmus:"
# Above the longest task, its retries and the sweep, so that no task is handed out twice while it runs.
VISIBILITY_SECONDS = 1800


def build_app(service: str, settings: Settings) -> Celery:
    """A Celery app for `service`, which names its connections in Redis. Opens none yet."""
    app = Celery(
        f"isthmus-{service}", broker=settings.redis_broker_url.get_secret_value(), set_as_current=False
    )
    app.conf.update(_configuration(service))
    return app


def _configuration(service: str) -> dict[str, Any]:
    return {
        # No result keys, no chords: what is done stands in our own state.
        "task_ignore_result": True,
        "result_backend": None,
        # A killed worker's message returns; prefetch 1 leaves the rest to others.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        # Whoever reaches Redis can send: JSON only, and each message is validated.
        "task_serializer": "json",
        "accept_content": ["json"],
        # A misspelt queue raises QueueNotFound instead of swallowing work.
        "task_create_missing_queues": False,
        "task_queues": [Queue(name, routing_key=name) for name in queues.ALL],  # type: ignore[no-untyped-call] # kombu
        "task_default_queue": queues.COLLECT_POLL,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "enable_utc": True,
        "timezone": "UTC",
        # A sender fails soon; the sweep rings again.
        "task_publish_retry_policy": {"max_retries": 2, "interval_start": 0.1, "interval_max": 0.5},
        "broker_transport_options": {
            # Every app on this database must say the same: the shortest visibility timeout wins for all.
            "visibility_timeout": VISIBILITY_SECONDS,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 3,
            # Without them a half-open connection is waited for without end; 10 heals within a minute.
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "global_keyprefix": KEY_PREFIX,
            "client_name": f"isthmus-{service}",
        },
    }
