"""``tests/unit/batches/test_calibration.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_calibration import *

pytestmark = pytest.mark.postgres
