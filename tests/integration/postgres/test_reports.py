"""``tests/unit/batches/test_reports.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_reports import *

pytestmark = pytest.mark.postgres
