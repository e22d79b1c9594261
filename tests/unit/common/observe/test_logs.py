"""Logs: one JSON object a line, nothing secret in any of them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from common.observe.logs import bound, clean_text, log, set_up_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    target = io.StringIO()
    set_up_logging("collector", "json", "info", target)
    yield target
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_run_and_connection_stand_on_every_line_inside(stream: io.StringIO) -> None:
    """Bound values join our lines and the libraries' ones, and end with the block."""
    with bound(connection="contoso", run="r1"):
        log().info("page_read", rows=3)
        logging.getLogger("somelib").warning("odd %s", "thing")
    log().info("outside")
    first, second, third = lines(stream)
    assert (first["event"], first["rows"], first["connection"], first["run"]) == (
        "page_read",
        3,
        "contoso",
        "r1",
    )
    assert (second["event"], second["run"], second["service"]) == ("odd thing", "r1", "collector")
    assert "run" not in third


@pytest.mark.parametrize(
    "fields",
    [
        {"client_secret": "hunter2"},
        {"headers": {"Authorization": "Bearer hunter2hunter2"}},
        {"url": "redis://user:hunter2@redis:6379/0"},
        {"body": "grant_type=password&password=hunter2&x=1"},
        {"value": SecretStr("hunter2")},
        {"list": [{"token": "hunter2"}]},
        {"text": "got Basic hunter2hunter2== here"},
        {"error": RuntimeError("redis://:hunter2@h")},
    ],
)
def test_what_looks_like_a_secret_is_replaced(stream: io.StringIO, fields: dict[str, Any]) -> None:
    """By name, by type and by shape, at any depth."""
    log().warning("something", **fields)
    assert "hunter2" not in stream.getvalue()
    assert "*****" in stream.getvalue()


def test_a_traceback_is_one_line_and_cleaned(stream: io.StringIO) -> None:
    """An exception's text may carry a URL with a password."""
    try:
        int("redis://:hunter2@host")
    except ValueError:
        log().exception("failed")
    [line] = lines(stream)
    assert "ValueError" in line["exception"]
    assert "hunter2" not in line["exception"]


def test_plain_text_stays_as_it_is() -> None:
    """Cleaning leaves harmless text alone."""
    text = "12 rows of https://example.test/a?page=2, basic rules, token count 7"
    assert clean_text(text) == text


def test_human_lines_are_no_json() -> None:
    """On request the lines are for people, still without secrets."""
    target = io.StringIO()
    set_up_logging("collector", "human", "info", target)
    log().info("page_read", password="hunter2")
    assert "page_read" in target.getvalue()
    assert not target.getvalue().startswith("{")
    assert "hunter2" not in target.getvalue()
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
