"""``tests/unit/culturewatch/test_calibrations.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_calibrations import *

pytestmark = pytest.mark.postgres
