"""``tests/unit/culturewatch/test_cli_user.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_cli_user import *

pytestmark = pytest.mark.postgres
