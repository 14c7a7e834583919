"""What tests of the wire have in common."""

import pytest

from collector import endpoint_link, reconnect
from tests.unit.collector.virtual_time import clock_of_the_loop, pytest_asyncio_loop_factories

__all__ = ["clock_of_the_loop", "pytest_asyncio_loop_factories", "soon_connected_again"]


@pytest.fixture
def soon_connected_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost link comes back within the patience of a test."""
    monkeypatch.setattr(reconnect, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(endpoint_link, "FLUSH_PAUSE_S", 0.01)
