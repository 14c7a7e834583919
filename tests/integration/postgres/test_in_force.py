"""``tests/unit/batches/test_in_force.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_in_force import *

pytestmark = pytest.mark.postgres
