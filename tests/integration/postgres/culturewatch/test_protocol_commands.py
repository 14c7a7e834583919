"""``tests/unit/culturewatch/test_protocol_commands.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_protocol_commands import *

pytestmark = pytest.mark.postgres
