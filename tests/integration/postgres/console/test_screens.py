"""``tests/unit/console/test_screens.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_screens import *

pytestmark = pytest.mark.postgres
