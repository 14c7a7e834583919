"""``tests/unit/batches/test_instruments.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_instruments import *

pytestmark = pytest.mark.postgres
