"""``tests/unit/batches/test_across_seal.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_across_seal import *

pytestmark = pytest.mark.postgres
