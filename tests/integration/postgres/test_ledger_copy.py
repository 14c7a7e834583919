"""``tests/unit/storage/test_ledger_copy.py`` on a real PostgreSQL."""

import pytest

from tests.unit.storage.test_ledger_copy import *

pytestmark = pytest.mark.postgres
