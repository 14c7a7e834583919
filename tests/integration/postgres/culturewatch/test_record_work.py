"""``tests/unit/culturewatch/test_record_work.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_record_work import *

pytestmark = pytest.mark.postgres
