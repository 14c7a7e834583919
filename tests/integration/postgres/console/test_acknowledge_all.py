"""``tests/unit/console/test_acknowledge_all.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_acknowledge_all import *

pytestmark = pytest.mark.postgres
