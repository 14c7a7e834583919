"""``tests/unit/culturewatch/test_labels.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_labels import *

pytestmark = pytest.mark.postgres
