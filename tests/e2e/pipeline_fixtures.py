"""Stacks for the tests of the whole pipeline."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack
from tests.stack_running import running


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
