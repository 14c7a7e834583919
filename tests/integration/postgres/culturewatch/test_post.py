"""``tests/unit/culturewatch/reports/test_post.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.reports.test_post import *

pytestmark = pytest.mark.postgres
