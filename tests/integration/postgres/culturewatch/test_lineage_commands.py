"""``tests/unit/culturewatch/test_lineage_commands.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_lineage_commands import *

pytestmark = pytest.mark.postgres
