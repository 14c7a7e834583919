"""``tests/unit/console/test_orders.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_orders import *

pytestmark = pytest.mark.postgres
