"""``tests/unit/console/test_login.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_login import *

pytestmark = pytest.mark.postgres
