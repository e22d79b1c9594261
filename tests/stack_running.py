"""A stack for a fixture: the logs' tails are shown for a test that failed."""

from collections.abc import Iterator
from contextlib import contextmanager
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
