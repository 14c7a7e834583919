"""``tests/unit/culturewatch/test_shipping_commands.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_shipping_commands import *

pytestmark = pytest.mark.postgres
