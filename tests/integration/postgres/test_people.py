"""The tests of ``tests/unit/batches/people`` on a real PostgreSQL."""

from pathlib import Path

import pytest

from batches.ledger import Ledger
from tests.unit.batches.conftest import Clock
from tests.unit.batches.people.access import begin
from tests.unit.batches.people.conftest import *
from tests.unit.batches.people.test_hashes import *
from tests.unit.batches.people.test_lock_out import *
from tests.unit.batches.people.test_password import *
from tests.unit.batches.people.test_people import *

pytestmark = pytest.mark.postgres


@pytest.fixture  # type: ignore[no-redef] # in its place
def staffed(ledger: Ledger) -> Ledger:
    """An admin and anna, entered on the server; only files can be copied."""
    begin(ledger)
    return ledger
