"""``tests/unit/batches/test_excursions.py`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_excursions import *

pytestmark = pytest.mark.postgres
