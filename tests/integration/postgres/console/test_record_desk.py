"""``tests/unit/console/test_record_desk.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_record_desk import *

pytestmark = pytest.mark.postgres
