"""``tests/unit/batches/test_lineage.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_lineage import *

pytestmark = pytest.mark.postgres
