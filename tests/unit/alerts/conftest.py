"""A desk for the tests of what happens to pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.alerts.desk import Desk, opened


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A site of three people, with an outbox over a real store."""
    async with opened(tmp_path) as found:
        yield found
