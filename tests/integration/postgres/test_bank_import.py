"""``tests/unit/batches/test_bank_import.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_bank_import import *

pytestmark = pytest.mark.postgres
