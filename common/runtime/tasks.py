"""Between Celery and a handler: nothing that a message or a handler does may hurt the worker."""

import time
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.worker.request import Request

from common.errors import Park, Retry, Skip, SyncError
from common.messages import MalformedMessage
from common.observe import names
from common.observe.logs import bound, log
from common.observe.metrics import Metrics
from common.runtime.service import TaskHandler


def register(
    app: Celery, stage: str, handler: TaskHandler, metrics: Metrics, request: type[Request] = Request
) -> None:
    """Make `handler` the Celery task `stage`, its messages held by `request`."""
    for outcome, reason in names.TASK_OUTCOMES:
        metrics.count(names.TASKS, stage, outcome, reason, by=0)
    app.task(guarded(stage, handler, metrics), name=stage, ignore_result=True, Request=request)


def guarded(stage: str, handler: TaskHandler, metrics: Metrics) -> Callable[..., None]:
    """A task that never raises: the message is no record of work, so an error is told and it is dropped."""

    def run(*arguments: Any, **named: Any) -> None:
        began = time.monotonic()
        outcome, reason = "done", "none"
        payload = arguments[0] if arguments else None
        with bound(stage=stage, connection=_word(payload, "connection"), run=_word(payload, "run")):
            try:
                handler(_checked(stage, arguments, named))
            except SyncError as error:
                outcome, reason = _outcome(error), error.reason
                log("task").warning("task_ended", outcome=outcome, reason=reason, error=str(error))
            except Exception:  # noqa: BLE001 - logged with its traceback, and counted
                outcome, reason = "failed", "unexpected"
                log("task").exception("task_failed", reason=reason)
        metrics.count(names.TASKS, stage, outcome, reason)
        metrics.time(names.TASK_SECONDS, time.monotonic() - began, stage)

    return run


def _checked(stage: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    if len(arguments) != 1 or named or not isinstance(arguments[0], dict):
        raise MalformedMessage(f"a message for {stage} was dropped: it is no JSON object")
    return arguments[0]


def _outcome(error: SyncError) -> str:
    if isinstance(error, Skip):
        return "dropped"
    return "parked" if isinstance(error, Park | Retry) else "failed"


def _word(payload: Any, name: str) -> str:
    """A short text from an unchecked message, for the log."""
    value = payload.get(name, "") if isinstance(payload, dict) else ""
    return value[:64] if isinstance(value, str) else ""
