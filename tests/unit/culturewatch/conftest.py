"""Tests of commands that talk to devices may run in virtual time."""

from tests.unit.collector.virtual_time import clock_of_the_loop, pytest_asyncio_loop_factories

__all__ = ["clock_of_the_loop", "pytest_asyncio_loop_factories"]
