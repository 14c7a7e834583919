"""``tests/unit/batches/test_authority.py`` on a real PostgreSQL."""

import pytest

from batches.ledger import Ledger
from tests.unit.batches.conftest import Clock
from tests.unit.batches.test_authority import *
from tests.unit.batches.test_authority import equip

pytestmark = pytest.mark.postgres


@pytest.fixture  # type: ignore[no-redef] # in its place
def laboratory(ledger: Ledger, clock: Clock) -> Ledger:
    """A person of each role and what they work on, entered on the server."""
    equip(ledger)
    clock.at(0.1)
    return ledger
