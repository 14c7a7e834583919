"""``tests/unit/culturewatch/test_leaving.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_leaving import *

pytestmark = pytest.mark.postgres
