"""``tests/unit/batches/test_erasure.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_erasure import *

pytestmark = pytest.mark.postgres
