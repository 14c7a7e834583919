"""``tests/unit/batches/test_record.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_record import *

pytestmark = pytest.mark.postgres
