"""``tests/unit/batches/test_people.py`` on a real PostgreSQL."""

from pathlib import Path

import pytest

from batches.ledger import Ledger
from tests.unit.batches.conftest import Clock
from tests.unit.batches.test_people import *
from tests.unit.batches.test_people import begin

pytestmark = pytest.mark.postgres


@pytest.fixture  # type: ignore[no-redef] # in its place
def staffed(ledger: Ledger) -> Ledger:
    """An admin and anna, entered on the server; only files can be copied."""
    begin(ledger)
    return ledger
