"""``tests/unit/console/test_glance.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_glance import *

pytestmark = pytest.mark.postgres
