"""``tests/unit/batches/test_ledger.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_ledger import *

pytestmark = pytest.mark.postgres
