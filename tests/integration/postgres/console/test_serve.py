"""``tests/unit/console/test_serve.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_serve import *

pytestmark = pytest.mark.postgres
