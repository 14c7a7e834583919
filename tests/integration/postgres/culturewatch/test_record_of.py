"""``tests/unit/culturewatch/test_record_of.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_record_of import *

pytestmark = pytest.mark.postgres
