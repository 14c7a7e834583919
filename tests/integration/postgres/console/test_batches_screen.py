"""``tests/unit/console/test_batches_screen.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_batches_screen import *

pytestmark = pytest.mark.postgres
