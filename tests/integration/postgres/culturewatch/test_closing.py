"""``tests/unit/culturewatch/test_closing.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_closing import *

pytestmark = pytest.mark.postgres
