"""``test_ledger.py`` and ``test_corrected.py`` of ``tests/unit/batches``, on a real PostgreSQL."""

import pytest

from tests.unit.batches.test_corrected import *
from tests.unit.batches.test_ledger import *

pytestmark = pytest.mark.postgres
