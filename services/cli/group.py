"""Errors of every command in one place: a sentence on stderr, what to do next, an exit code."""

import sys
from collections.abc import Sequence
from typing import Any

import redis
from typer.core import TyperGroup
from typer.exceptions import Abort, TyperException

from common.errors import SyncError
from common.operate.errors import NotFound
from common.rules.errors import RuleErrors
from common.settings.problems import ConfigurationError
from services.cli import errors
from services.cli.output import complain

_USAGE_REASONS = ("unknown_connection", "unknown_rule")


class Commands(TyperGroup):
    """The root of all commands."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and exit with its code."""
        del standalone_mode
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)  # noqa: FBT003 - the parent's signature
        except TyperException as error:
            context = getattr(error, "ctx", None)
            where = context.command_path if context else "isthmus"
            if sentence := error.format_message():  # none where the help itself was shown
                complain(f"{sentence} (`{where} --help`)")
            code = errors.USAGE
        except Abort:
            code = errors.INTERRUPTED
        except Exception as error:  # noqa: BLE001 - what is not known is raised again below
            code = _code(error)
        sys.exit(code if isinstance(code, int) else errors.OK)


def _code(error: Exception) -> int:
    """Say what is wrong; raises the error itself when it is none of ours."""
    match error:
        case errors.Usage():
            complain(str(error))
            return errors.USAGE
        case ConfigurationError():
            for problem in error.problems:
                complain(str(problem))
        case NotFound():
            complain(str(error))
            return errors.USAGE if error.reason in _USAGE_REASONS else errors.FAILED
        case RuleErrors():
            complain(str(error))
        case SyncError():
            mend = " Is Redis running?" if error.reason == "broker_unavailable" else ""
            complain(str(error) + mend)
        case redis.RedisError():
            complain(_redis(error))
        case OSError():
            complain(f"{error.strerror or type(error).__name__}: {error.filename or ''}".rstrip(": "))
        case _:
            raise error
    return errors.FAILED


def _redis(error: redis.RedisError) -> str:
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return (
            "Redis of the state can't be reached: start it, or correct ISTHMUS_REDIS_STATE_URL"
            f" ({type(error).__name__})."
        )
    return (
        f"Redis refused a command ({type(error).__name__}: {str(error)[:200]}); look at its memory and log."
    )
