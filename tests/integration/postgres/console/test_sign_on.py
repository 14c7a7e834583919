"""``tests/unit/console/test_sign_on.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_sign_on import *

pytestmark = pytest.mark.postgres
