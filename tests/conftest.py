"""What holds for every test."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

import pytest


@pytest.fixture(autouse=True)
async def no_task_outlives_its_test() -> AsyncIterator[None]:
    """A task that a test leaves behind is one that nobody owns."""
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"still running: {sorted(task.get_name() for task in left)}"


@pytest.fixture(autouse=True)
def logging_is_as_it_was() -> Iterator[None]:
    """A command that runs within a test sets up the logging of a process, not of all tests."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
