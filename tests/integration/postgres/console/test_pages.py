"""``tests/unit/console/test_pages.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_pages import *

pytestmark = pytest.mark.postgres
