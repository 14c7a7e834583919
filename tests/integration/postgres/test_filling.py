"""``tests/unit/batches/test_filling.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_filling import *

pytestmark = pytest.mark.postgres
