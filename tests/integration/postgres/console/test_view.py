"""``tests/unit/console/test_view.py`` on a real PostgreSQL."""

import pytest

from tests.unit.console.test_view import *
from tests.unit.console.test_view import test_a_damaged_file_is_named_and_the_rest_is_shown

# The ledger is no file there.
del test_a_damaged_file_is_named_and_the_rest_is_shown

pytestmark = pytest.mark.postgres
