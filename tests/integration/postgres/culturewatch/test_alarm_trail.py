"""``tests/unit/culturewatch/test_alarm_trail.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_alarm_trail import *

pytestmark = pytest.mark.postgres
