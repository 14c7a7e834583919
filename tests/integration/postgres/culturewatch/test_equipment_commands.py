"""``tests/unit/culturewatch/test_equipment_commands.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_equipment_commands import *

pytestmark = pytest.mark.postgres
