"""``tests/unit/culturewatch/test_cli_people.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_cli_people import *

pytestmark = pytest.mark.postgres
