"""``tests/unit/batches/test_certificates.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_certificates import *

pytestmark = pytest.mark.postgres
