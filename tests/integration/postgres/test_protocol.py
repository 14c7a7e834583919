"""``tests/unit/batches/test_protocol.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_protocol import *

pytestmark = pytest.mark.postgres
