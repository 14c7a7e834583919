"""``tests/unit/culturewatch/test_cli_token.py`` on a real PostgreSQL."""

import pytest

from tests.unit.culturewatch.test_cli_token import *

pytestmark = pytest.mark.postgres
