"""Sending messages by queue and task name, so that no service imports another."""

from celery import Celery
from kombu.exceptions import OperationalError
from pydantic import BaseModel
from redis.exceptions import RedisError

from common.errors import Retry
from common.messages import START_RUN, Doorbell, StartRun
from common.runtime import queues


class Post:
    """Sends through a Celery app; safe to share between threads."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def ring(self, lane: str, bell: Doorbell) -> None:
        """Ring in a Celery queue (lane), whose name is the task's too. Raises Retry `broker_unavailable`."""
        self.send(lane, lane, bell)

    def start_run(self, message: StartRun) -> None:
        """Ask the collector for a run. Raises Retry `broker_unavailable`."""
        self.send(queues.COLLECT_POLL, START_RUN, message)

    def send(self, queue: str, task: str, message: BaseModel) -> None:
        """Send `message` to `task` on `queue`; an unknown queue raises celery's QueueNotFound."""
        try:
            self._app.send_task(task, args=(message.model_dump(mode="json"),), queue=queue)
        except (OperationalError, RedisError) as error:
            raise Retry(
                "broker_unavailable", f"queue {queue} can't be reached: {type(error).__name__}"
            ) from error

    def close(self) -> None:
        """Close the pooled connections."""
        self._app.close()
