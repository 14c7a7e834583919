"""``tests/unit/batches/test_equipment_log.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_equipment_log import *

pytestmark = pytest.mark.postgres
