"""``tests/unit/culturewatch/test_correct_commands.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_correct_commands import *

pytestmark = pytest.mark.postgres
