"""``tests/unit/console/test_chart.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_chart import *

pytestmark = pytest.mark.postgres
