"""Tests marked ``virtual_time``: their loop skips all waiting, and what they run goes by its clock.

A conftest that imports what is here gives its folder that mark.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest

from collector import connection, half_duplex, inquiry, modbus, poll
from tests.unit.collector.virtual_line import VirtualLoop


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Which loop a test runs in."""
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualLoop}
    return {"real": asyncio.new_event_loop}


@pytest.fixture(autouse=True)
def clock_of_the_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In virtual time the wire is timed by the loop, not by the machine."""
    if not request.node.get_closest_marker("virtual_time"):
        return

    def now_s() -> float:
        return asyncio.get_running_loop().time()

    for module in (connection, half_duplex, modbus):
        monkeypatch.setattr(module, "RUNNING_S", now_s)
    for module in (inquiry, poll):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=now_s))
