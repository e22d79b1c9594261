"""Stacks for fixtures: the logs' tails are shown for a test that failed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.stack import Stack


@contextmanager
def running(request: pytest.FixtureRequest, **options: Any) -> Iterator[Stack]:
    """A stack for one test or module, with the options of Stack."""
    failed = request.session.testsfailed
    with Stack(**options) as stack:
        yield stack
        if request.session.testsfailed > failed:
            stack.show_logs()


class Kept:
    """One stack for the tests of a module, replaced after a test that failed: one failure stays one.

    `begin` brings a fresh stack to where each test begins, and each test leaves it there.
    """

    def __init__(self, begin: Callable[[Stack], None], **options: Any) -> None:
        self._begin = begin
        self._options = options
        self._stack: Stack | None = None
        self._opened = ExitStack()

    @contextmanager
    def use(self, request: pytest.FixtureRequest) -> Iterator[Stack]:
        """The stack for one test."""
        failed = request.session.testsfailed
        if self._stack is None:
            with ExitStack() as opened:
                stack = opened.enter_context(Stack(**self._options))
                self._begin(stack)
                self._opened, self._stack = opened.pop_all(), stack
        yield self._stack
        if request.session.testsfailed > failed:
            self._stack.show_logs()
            self.stop()

    def stop(self) -> None:
        self._stack = None
        self._opened.close()
