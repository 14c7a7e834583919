"""``tests/unit/culturewatch/test_calibration_commands.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_calibration_commands import *

pytestmark = pytest.mark.postgres
