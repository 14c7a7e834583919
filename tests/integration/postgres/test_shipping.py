"""``tests/unit/batches/test_shipping.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_shipping import *

pytestmark = pytest.mark.postgres
