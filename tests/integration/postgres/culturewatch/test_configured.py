"""``tests/unit/culturewatch/test_configured.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_configured import *

pytestmark = pytest.mark.postgres
