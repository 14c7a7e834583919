"""``tests/unit/culturewatch/test_import.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_import import *

pytestmark = pytest.mark.postgres
