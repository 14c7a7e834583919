"""``tests/unit/console/test_frame.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_frame import *

pytestmark = pytest.mark.postgres
