"""``tests/unit/batches/test_conflicts.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_conflicts import *

pytestmark = pytest.mark.postgres
