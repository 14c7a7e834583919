"""``tests/unit/culturewatch/test_at_risk.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_at_risk import *

pytestmark = pytest.mark.postgres
