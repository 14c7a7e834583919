"""``tests/unit/console/test_people_desk.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_people_desk import *

pytestmark = pytest.mark.postgres
