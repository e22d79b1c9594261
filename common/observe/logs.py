"""Logs: JSON for machines, coloured lines for a terminal, with run and connection on every line."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog
from pydantic import SecretStr
from structlog.typing import Processor

Format = Literal["auto", "json", "human"]

REDACTED = "**********"
_SECRET_NAME = re.compile(
    r"(secret|password|passwd|token|authorization|api_?key|private_key|assertion|cookie)$", re.IGNORECASE
)
_IN_TEXT = (
    # Credentials in a URL, a bearer or basic header, a signed token.
    (re.compile(r"(\w+://[^\s/:@]*:)[^\s/@]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), REDACTED),
    (
        re.compile(r"((?:client_secret|password|refresh_token|access_token|assertion)=)[^&\s\"']+"),
        rf"\1{REDACTED}",
    ),
)


def set_up_logging(
    service: str, log_format: Format = "auto", level: str = "info", stream: TextIO | None = None
) -> None:
    """Route structlog and the standard library to `stream` (stderr), one line an event.

    `auto` is human on a terminal. Replaces what was set up before.
    """
    target = stream or sys.stderr
    human = log_format == "human" or (log_format == "auto" and target.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _adds("service", service),
    ]
    last: list[Processor] = (
        [redact, structlog.dev.ConsoleRenderer(colors=target.isatty())]
        if human
        else [structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer(default=str)]
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for noisy in ("azure", "urllib3", "msal", "kombu", "celery", "amqp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def log(name: str = "isthmus") -> Any:
    """A logger: `log().info("event_name", count=3)`. Events are short snake-case words."""
    return structlog.stdlib.get_logger(name)


bound = structlog.contextvars.bound_contextvars
"""`with bound(connection=..., run=...):` puts both on every line inside, in this thread only."""


def _adds(name: str, value: str) -> Processor:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault(name, value)
        return event

    return add


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what looks like a secret, by its name or by its shape, at any depth."""
    return {name: _cleaned(name, value) for name, value in event.items()}


def _cleaned(name: str, value: Any) -> Any:
    if isinstance(value, SecretStr) or (_SECRET_NAME.search(name) and isinstance(value, str | bytes)):
        return REDACTED
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, BaseException):
        return clean_text(str(value))
    if isinstance(value, Mapping):
        return {key: _cleaned(str(key), part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned("", part) for part in value]
    return value


def clean_text(text: str) -> str:
    """`text` without credentials in URLs, headers, forms and signed tokens."""
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text
