"""``tests/unit/console/test_pin_desk.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_pin_desk import *

pytestmark = pytest.mark.postgres
