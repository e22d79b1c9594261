"""Stacks for the tests of the whole pipeline; the logs' tails are shown for a test that failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.stack import Stack


@contextmanager
def running(request: pytest.FixtureRequest, **options: Any) -> Iterator[Stack]:
    """A stack for one test or module."""
    failed = request.session.testsfailed
    with Stack(**options) as stack:
        yield stack
        if request.session.testsfailed > failed:
            stack.show_logs()


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """600 findings in two subscriptions, nothing planned yet."""
    with running(request) as one:
        yield one


@pytest.fixture
def live(stack: Stack) -> Stack:
    """The same after its first sync, judged right."""
    first = stack.go_live()
    assert first.status == "complete", first
    stack.assert_right()
    return stack
