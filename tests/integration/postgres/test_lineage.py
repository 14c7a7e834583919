"""The tests of ``tests/unit/batches/lineage`` on a real PostgreSQL."""

import pytest

from tests.unit.batches.lineage.conftest import *
from tests.unit.batches.lineage.test_corrections import *
from tests.unit.batches.lineage.test_origins import *
from tests.unit.batches.lineage.test_refused import *
from tests.unit.batches.lineage.test_slots import *

pytestmark = pytest.mark.postgres
