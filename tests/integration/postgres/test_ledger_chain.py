"""``tests/unit/storage/test_ledger_chain.py`` on a real PostgreSQL."""

import pytest

from tests.unit.storage.test_ledger_chain import *

pytestmark = pytest.mark.postgres
