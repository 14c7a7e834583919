"""``tests/unit/batches/test_lab_stories.py`` with both sites' ledgers on a real PostgreSQL."""

from collections.abc import Callable

import pytest

from tests.unit.batches.test_lab_stories import *

pytestmark = pytest.mark.postgres


@pytest.fixture  # type: ignore[no-redef] # in its place
def served_too(further_url: Callable[[str], str]) -> Callable[[], str]:
    """The address of one more ledger."""
    return lambda: further_url("site")
