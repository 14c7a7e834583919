"""``tests/unit/batches/test_frozen.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_frozen import *

pytestmark = pytest.mark.postgres
